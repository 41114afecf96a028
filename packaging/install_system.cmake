# Run by `cmake --install`: the systemd units, with the paths of what is installed, and the
# configuration, which is never written over.
#
# Below /usr, the configuration's place is /etc. A package is put together in a folder of its own,
# whose prefix is no path of the system to come: its script, debian/stage.cmake, moves things.
if(IS_ABSOLUTE "${sysconfdir}" AND NOT CMAKE_INSTALL_PREFIX MATCHES "/_CPack_Packages/")
  set(configuration "${sysconfdir}/lossgazer")
elseif(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(configuration "/etc/lossgazer")
else()
  set(configuration "${CMAKE_INSTALL_PREFIX}/etc/lossgazer")
endif()
if(IS_ABSOLUTE "${bindir}")
  set(programs "${bindir}")
else()
  set(programs "${CMAKE_INSTALL_PREFIX}/${bindir}")
endif()

file(READ "${units}/lossgazer.service" service)
string(REPLACE "/usr/bin/lossgazer" "${programs}/lossgazer" service "${service}")
string(REPLACE "/etc/lossgazer/" "${configuration}/" service "${service}")
file(WRITE "${scratch}/lossgazer.service" "${service}")
file(INSTALL "${scratch}/lossgazer.service" "${units}/lossgazer.socket"
  DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")

if(EXISTS "$ENV{DESTDIR}${configuration}/lossgazer.yml")
  message(STATUS "Kept: $ENV{DESTDIR}${configuration}/lossgazer.yml")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES "${configuration}/lossgazer.yml")
else()
  file(INSTALL "${units}/lossgazer.yml" DESTINATION "${configuration}")
endif()
