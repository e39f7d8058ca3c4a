# llhttp, the HTTP/1 parser, as the target LLHTTP::LLHTTP.
#
# A system library where there is one (Debian 13: libllhttp-dev), else the C sources that Debian and
# Ubuntu ship in node-llhttp, compiled here as they are. They are somebody else's code: their
# warnings are not ours.

include(FindPackageHandleStandardArgs)

if(NOT TARGET LLHTTP::LLHTTP)
  pkg_check_modules(LLHTTP_SYSTEM QUIET IMPORTED_TARGET libllhttp)
  if(LLHTTP_SYSTEM_FOUND)
    set(LLHTTP_LOCATION ${LLHTTP_SYSTEM_LINK_LIBRARIES})
    set(LLHTTP_VERSION ${LLHTTP_SYSTEM_VERSION})
    add_library(LLHTTP::LLHTTP ALIAS PkgConfig::LLHTTP_SYSTEM)
  else()
    find_path(LLHTTP_INCLUDE_DIR llhttp.h PATH_SUFFIXES llhttp
              HINTS /usr/share/include/llhttp /usr/share/llhttp/include)
    find_path(LLHTTP_SOURCE_DIR llhttp.c HINTS /usr/share/llhttp /usr/share/llhttp/src)
    mark_as_advanced(LLHTTP_INCLUDE_DIR LLHTTP_SOURCE_DIR)
    set(LLHTTP_LOCATION ${LLHTTP_SOURCE_DIR})
    if(LLHTTP_INCLUDE_DIR AND LLHTTP_SOURCE_DIR)
      add_library(llhttp STATIC ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c
                                ${LLHTTP_SOURCE_DIR}/http.c)
      target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
      target_compile_definitions(llhttp PRIVATE LLHTTP_STRICT_MODE=1)
      target_compile_options(llhttp PRIVATE -w)
      add_library(LLHTTP::LLHTTP ALIAS llhttp)
      file(STRINGS ${LLHTTP_INCLUDE_DIR}/llhttp.h LLHTTP_VERSION_LINES
           REGEX "^#define LLHTTP_VERSION_(MAJOR|MINOR|PATCH) ")
      string(REGEX REPLACE "[^0-9;]" "" LLHTTP_VERSION "${LLHTTP_VERSION_LINES}")
      string(REPLACE ";" "." LLHTTP_VERSION "${LLHTTP_VERSION}")
    endif()
  endif()
endif()

find_package_handle_standard_args(LLHTTP REQUIRED_VARS LLHTTP_LOCATION
                                  VERSION_VAR LLHTTP_VERSION)
