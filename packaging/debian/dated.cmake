# Read by cpack before all else: what is packaged has the date of the commit, so that the same
# sources make the same package.
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  set(ENV{SOURCE_DATE_EPOCH} ${CPACK_LOSSGAZER_EPOCH})
endif()
