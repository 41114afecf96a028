# Run by cpack when all is installed in a folder, before that becomes a package: what Debian wants
# elsewhere, compressed, or beside.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
set(packaging ${CPACK_LOSSGAZER_SOURCE}/packaging)
set(doc ${root}/usr/share/doc/lossgazer)
if(NOT EXISTS ${root}/usr/bin/lossgazer)
  message(FATAL_ERROR "${root} has no /usr/bin/lossgazer: is it another generator than DEB?")
endif()

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(install_file from to)
  configure_file(${from} ${to} ${ARGN}
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

# The configuration and the units as they are for /usr and /etc.
file(REMOVE_RECURSE ${root}/usr/etc ${root}/usr/lib/systemd)
file(GLOB left ${root}/usr/lib/*)
if(NOT left)
  file(REMOVE_RECURSE ${root}/usr/lib)
endif()
install_file(${packaging}/systemd/lossgazer.yml ${root}/etc/lossgazer/lossgazer.yml COPYONLY)
foreach(unit lossgazer.service lossgazer.socket)
  install_file(${packaging}/systemd/${unit} ${root}/lib/systemd/system/${unit} COPYONLY)
endforeach()

file(MAKE_DIRECTORY ${root}/usr/share/zsh/vendor-completions)
file(RENAME ${root}/usr/share/zsh/site-functions/_lossgazer
  ${root}/usr/share/zsh/vendor-completions/_lossgazer)
file(REMOVE_RECURSE ${root}/usr/share/zsh/site-functions)

# What is wanted of documents. The licence is the copyright file's.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # of SOURCE_DATE_EPOCH
file(REMOVE ${doc}/LICENSE)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
install_file(${packaging}/debian/changelog.in ${doc}/changelog.Debian @ONLY)
install_file(${packaging}/debian/copyright ${doc}/copyright COPYONLY)
install_file(${packaging}/debian/lintian-overrides
  ${root}/usr/share/lintian/overrides/lossgazer COPYONLY)
install_file(${packaging}/debian/README.Debian ${doc}/README.Debian COPYONLY)
# Headers of these are compiled in, and their licences want to go with that.
foreach(library libbpf-dev libcli11-dev libconcurrentqueue-dev libfmt-dev libspdlog-dev
  nlohmann-json3-dev prometheus-cpp-dev)
  if(EXISTS /usr/share/doc/${library}/copyright)
    file(READ /usr/share/doc/${library}/copyright text)
    file(APPEND ${doc}/libraries.copyright "==== ${library} ====\n\n${text}\n")
  endif()
endforeach()
run(gzip -9n ${doc}/changelog ${doc}/changelog.Debian ${root}/usr/share/man/man8/lossgazer.8)
file(REMOVE ${root}/usr/share/man/man8/lossgazer-report.8)
file(CREATE_LINK lossgazer.8.gz ${root}/usr/share/man/man8/lossgazer-report.8.gz SYMBOLIC)

find_program(python NAMES python3 REQUIRED)
run(${python} -B ${packaging}/sbom.py --version ${CPACK_PACKAGE_VERSION}
  ${root}/usr/bin/lossgazer ${doc}/lossgazer.spdx.json)

# Whatever the umask.
run(chmod -R u=rwX,go=rX ${root})
