# Writes the C file that holds luaws's own Lua modules as byte arrays.
#
#   cmake -DROOT=<lua> -DMODULES=<files> -DOUTPUT=<file.c> -P embed.cmake
#
# lua/luaws/class.lua becomes "luaws.class", lua/luaws/init.lua becomes "luaws". Every array ends
# with a 0 that its size does not count.

set(arrays "")
set(rows "")
set(number 0)
foreach(file IN LISTS MODULES)
  file(RELATIVE_PATH name ${ROOT} ${file})
  string(REGEX REPLACE "\\.lua$" "" name "${name}")
  string(REGEX REPLACE "/init$" "" name "${name}")
  string(REPLACE "/" "." name "${name}")
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const unsigned char module_${number}[] = {\n${hex}0};\n\n")
  string(APPEND rows "    {\"${name}\", module_${number}, ${size}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUTPUT} "// Made by cmake/embed.cmake from lua/luaws.

#include \"script/embed.h\"

${arrays}const struct embed_module embed_modules[] = {
${rows}    {0, 0, 0},
};
")
