# Writes the C file that holds luaws's own Lua modules, and the texts that they write out, as byte
# arrays.
#
#   cmake -DROOT=<lua> -DMODULES=<files> -DTEXTS=<files> -DOUTPUT=<file.c> -P embed.cmake
#
# lua/luaws/class.lua becomes the module "luaws.class", lua/luaws/init.lua "luaws"; the text
# lua/luaws/meta.lua becomes "meta.lua". Every array ends with a 0 that its size does not count.

set(arrays "")
set(number 0)

# Appends the array of a file, and its row to the variable that `rows` names.
function(embed file name rows)
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {\n${hex}0};\n\n")
  string(APPEND ${rows} "    {\"${name}\", file_${number}, ${size}},\n")
  math(EXPR number "${number} + 1")
  set(arrays "${arrays}" PARENT_SCOPE)
  set(${rows} "${${rows}}" PARENT_SCOPE)
  set(number ${number} PARENT_SCOPE)
endfunction()

set(modules "")
foreach(file IN LISTS MODULES)
  file(RELATIVE_PATH name ${ROOT} ${file})
  string(REGEX REPLACE "\\.lua$" "" name "${name}")
  string(REGEX REPLACE "/init$" "" name "${name}")
  string(REPLACE "/" "." name "${name}")
  embed(${file} ${name} modules)
endforeach()

set(texts "")
foreach(file IN LISTS TEXTS)
  file(RELATIVE_PATH name ${ROOT}/luaws ${file})
  embed(${file} ${name} texts)
endforeach()

file(WRITE ${OUTPUT} "// Made by cmake/embed.cmake from lua/luaws.

#include \"script/embed.h\"

${arrays}const struct embed_module embed_modules[] = {
${modules}    {0, 0, 0},
};

const struct embed_module embed_texts[] = {
${texts}    {0, 0, 0},
};
")
