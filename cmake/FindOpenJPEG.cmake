# OpenJPEG's static library: it is small, and a shared one more would slow the start of the program.
# Its pkg-config file names the folder of its headers. Makes OpenJPEG::openjp2.
find_package(PkgConfig REQUIRED)
pkg_check_modules(OPENJPEG_PC libopenjp2)
find_library(OpenJPEG_LIBRARY libopenjp2.a)
find_path(OpenJPEG_INCLUDE_DIR openjpeg.h HINTS ${OPENJPEG_PC_INCLUDE_DIRS})
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenJPEG REQUIRED_VARS OpenJPEG_LIBRARY OpenJPEG_INCLUDE_DIR
                                  VERSION_VAR OPENJPEG_PC_VERSION)
if(OpenJPEG_FOUND AND NOT TARGET OpenJPEG::openjp2)
  add_library(OpenJPEG::openjp2 STATIC IMPORTED)
  set_target_properties(OpenJPEG::openjp2 PROPERTIES
    IMPORTED_LOCATION ${OpenJPEG_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES "${OpenJPEG_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "m")
endif()
