# What `make install` puts where. The binary is whole by itself: the rest is for people and editors.

include(GNUInstallDirs)

install(TARGETS luaws RUNTIME)
install(FILES man/luaws.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES lua/luaws/meta.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/luaws/meta RENAME luaws.lua)
install(FILES lua/luaws/new/project/testing.lua DESTINATION ${CMAKE_INSTALL_DATADIR}/luaws/meta/luaws)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
