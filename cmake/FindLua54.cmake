# Lua 5.4 and luv as static libraries: Lua54::Lua, Lua54::Luv.
#
# The static ones by file name, because what pkg-config names resolves to the shared ones. Lua must
# be inside the executable: it is faster, nothing need be installed beside luaws, and C modules that
# a script loads find Lua's functions there (ENABLE_EXPORTS).

include(FindPackageHandleStandardArgs)

find_path(LUA54_INCLUDE_DIR lua.h PATH_SUFFIXES lua5.4 lua-5.4 lua54)
find_library(LUA54_LIBRARY NAMES liblua5.4.a liblua-5.4.a liblua54.a)
find_path(LUA54_LUV_INCLUDE_DIR luv/luv.h PATH_SUFFIXES lua5.4 lua-5.4 lua54)
find_library(LUA54_LUV_LIBRARY NAMES liblua5.4-luv.a libluv5.4.a libluv_a.a)
mark_as_advanced(LUA54_INCLUDE_DIR LUA54_LIBRARY LUA54_LUV_INCLUDE_DIR LUA54_LUV_LIBRARY)

if(LUA54_INCLUDE_DIR)
  file(STRINGS ${LUA54_INCLUDE_DIR}/lua.h LUA54_VERSION_LINES
       REGEX "^#define LUA_VERSION_(MAJOR|MINOR|RELEASE)[ \t]+\"")
  string(REGEX REPLACE "[^0-9;]" "" LUA54_VERSION "${LUA54_VERSION_LINES}")
  string(REPLACE ";" "." LUA54_VERSION "${LUA54_VERSION}")
endif()

find_package_handle_standard_args(
  Lua54
  REQUIRED_VARS LUA54_LIBRARY LUA54_INCLUDE_DIR LUA54_LUV_LIBRARY LUA54_LUV_INCLUDE_DIR
  VERSION_VAR LUA54_VERSION)

if(Lua54_FOUND AND NOT TARGET Lua54::Lua)
  add_library(Lua54::Lua STATIC IMPORTED)
  set_target_properties(
    Lua54::Lua PROPERTIES IMPORTED_LOCATION ${LUA54_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${LUA54_INCLUDE_DIR}
                          INTERFACE_LINK_LIBRARIES "m;${CMAKE_DL_LIBS}")
  add_library(Lua54::Luv STATIC IMPORTED)
  set_target_properties(
    Lua54::Luv PROPERTIES IMPORTED_LOCATION ${LUA54_LUV_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${LUA54_LUV_INCLUDE_DIR}
                          INTERFACE_LINK_LIBRARIES "Lua54::Lua;PkgConfig::UV")
endif()
