# OpenJPH 0.9's pkg-config file is empty and it has no CMake package. Makes OpenJPH::openjph.
find_path(OpenJPH_INCLUDE_DIR openjph/ojph_arch.h)
find_library(OpenJPH_LIBRARY openjph)
if(OpenJPH_INCLUDE_DIR AND EXISTS ${OpenJPH_INCLUDE_DIR}/openjph/ojph_version.h)
  file(STRINGS ${OpenJPH_INCLUDE_DIR}/openjph/ojph_version.h lines REGEX "OPENJPH_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE "[^0-9;]" "" lines "${lines}")
  list(JOIN lines "." OpenJPH_VERSION)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenJPH REQUIRED_VARS OpenJPH_LIBRARY OpenJPH_INCLUDE_DIR
                                  VERSION_VAR OpenJPH_VERSION)
if(OpenJPH_FOUND AND NOT TARGET OpenJPH::openjph)
  add_library(OpenJPH::openjph UNKNOWN IMPORTED)
  # Its headers include each other without the folder's name, and without ojph_arch.h.
  set_target_properties(OpenJPH::openjph PROPERTIES
    IMPORTED_LOCATION ${OpenJPH_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES "${OpenJPH_INCLUDE_DIR};${OpenJPH_INCLUDE_DIR}/openjph")
endif()
