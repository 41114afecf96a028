# Which version this is. Sets, for the folder that includes it:
#   LOSSGAZER_VERSION          0.2.0 at the tag v0.2.0; 0.2.0+5.g0123456789ab five commits later;
#                              `fallback` without tags, or without git
#   LOSSGAZER_VERSION_NUMBERS  of these, 0.2.0
#   LOSSGAZER_REVISION         the commit, with -dirty if files are changed; or "unknown"
#                              (without a repository, the environment's LOSSGAZER_VERSION and
#                              LOSSGAZER_REVISION, if they are set)
#   LOSSGAZER_EPOCH            when it was committed, in seconds since 1970: the date of a package
function(lossgazer_find_version fallback)
  set(version ${fallback})
  set(revision unknown)
  set(epoch 0)
  find_package(Git QUIET)
  if(GIT_FOUND)
    # Not of a repository that merely has this folder somewhere within.
    lossgazer_git(top rev-parse --show-toplevel)
    file(REAL_PATH "${CMAKE_CURRENT_SOURCE_DIR}" here)
  endif()
  if(GIT_FOUND AND top STREQUAL here)
    lossgazer_git(described describe --tags --long --abbrev=12 --match "v[0-9]*")
    if(described MATCHES "^v([0-9]+\\.[0-9]+\\.[0-9]+)(-[0-9A-Za-z.]+)?-([0-9]+)-(g[0-9a-f]+)$")
      set(version ${CMAKE_MATCH_1}${CMAKE_MATCH_2})
      if(CMAKE_MATCH_3 GREATER 0)
        string(APPEND version "+${CMAKE_MATCH_3}.${CMAKE_MATCH_4}")
      endif()
    elseif(described)
      message(WARNING "The tag of ${described} is no version such as v1.2.3; this is ${version}")
    endif()
    lossgazer_git(commit describe --always --dirty --abbrev=12 --exclude "*")
    lossgazer_git(committed log -1 --format=%ct)
    if(commit AND committed)
      set(revision ${commit})
      set(epoch ${committed})
    endif()
  endif()
  # Of a tree that left its repository behind, whoever took it from there tells.
  if(NOT GIT_FOUND OR NOT top STREQUAL here)
    foreach(what version revision)
      string(TOUPPER LOSSGAZER_${what} name)
      if(DEFINED ENV{${name}})
        set(${what} $ENV{${name}})
      endif()
    endforeach()
  endif()
  if(DEFINED ENV{SOURCE_DATE_EPOCH})
    set(epoch $ENV{SOURCE_DATE_EPOCH})
  endif()
  string(REGEX MATCH "^[0-9]+\\.[0-9]+\\.[0-9]+" numbers ${version})
  set(LOSSGAZER_VERSION ${version} PARENT_SCOPE)
  set(LOSSGAZER_VERSION_NUMBERS ${numbers} PARENT_SCOPE)
  set(LOSSGAZER_REVISION ${revision} PARENT_SCOPE)
  set(LOSSGAZER_EPOCH ${epoch} PARENT_SCOPE)
endfunction()

# What git answers; empty if it fails.
function(lossgazer_git result)
  execute_process(COMMAND ${GIT_EXECUTABLE} ${ARGN} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    set(output "")
  endif()
  set(${result} "${output}" PARENT_SCOPE)
endfunction()
