# One CMake library per module, in the order and with the edges of src/LAYERS.
#
# src/<module>/CMakeLists.txt says only `tarn_module(LIBRARIES ...)` with the third-party libraries
# that live in this module. Sources, tests, fuzz targets and micro-benchmarks are found by name:
#   x.cc internal/x.cc   the library tarn_<module>
#   x_test.cc            one binary <module>_test for all of them, run by `./dev test`
#   x_fuzz.cc            <module>_x_fuzz, built by the fuzz preset, run by `./dev fuzz`
#   x_bench.cc           <module>_bench, run by `./dev bench --micro`

# The standard headers that most sources read, parsed once: a quarter of a clean build. Sources
# include what they use all the same; clang, for lint and fuzzing, reads them without. A source with
# an optimisation level of its own skips them (SKIP_PRECOMPILE_HEADERS): gcc 12 crashes otherwise.
set(TARN_STANDARD_HEADERS
    <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <functional> <map> <memory>
    <mutex> <optional> <set> <span> <string> <string_view> <thread> <unordered_map> <utility>
    <variant> <vector>)
# The first is for ccache: the preprocessed text names the precompiled header instead of holding it.
# -pthread because options that define macros must be the same everywhere. The warnings are wrong
# about inlined strings in gcc 12, which hides them when it reads the system's headers as text.
set(TARN_PRECOMPILED_OPTIONS -fpch-preprocess -pthread -Wno-stringop-overflow -Wno-stringop-overread
                             -Wno-array-bounds -Wno-restrict)

# Libraries without content whose precompiled headers the modules and their tests take.
function(tarn_precompile)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")
  add_library(tarn_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_precompile_headers(tarn_precompiled PRIVATE ${TARN_STANDARD_HEADERS})
  add_library(tarn_precompiled_test STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(tarn_precompiled_test PRIVATE GTest::gmock)
  tarn_test_options(tarn_precompiled_test)
  target_precompile_headers(tarn_precompiled_test PRIVATE ${TARN_STANDARD_HEADERS} <gmock/gmock.h>
                                                          <gtest/gtest.h>)
  foreach(target tarn_precompiled tarn_precompiled_test)
    target_compile_options(${target} PRIVATE ${TARN_PRECOMPILED_OPTIONS})
  endforeach()
endfunction()

function(tarn_use_precompiled target from)
  if(TARGET ${from})
    target_precompile_headers(${target} REUSE_FROM ${from})
    target_compile_options(${target} PRIVATE ${TARN_PRECOMPILED_OPTIONS})
  endif()
endfunction()

# Test code is compiled often and runs once: half of the time of a build otherwise.
function(tarn_test_options target)
  target_compile_options(${target} PRIVATE -O0)
  if(TARN_SANITIZE MATCHES undefined)  # What is tested is checked, not the test's own arithmetic.
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
endfunction()

function(tarn_add_modules)
  tarn_precompile()
  file(STRINGS ${CMAKE_SOURCE_DIR}/src/LAYERS lines REGEX "^[a-z_0-9]+:")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/LAYERS)
  foreach(line ${lines})
    string(REGEX MATCH "^([a-z_0-9]+):(.*)$" _ "${line}")
    set(module ${CMAKE_MATCH_1})
    string(REGEX MATCHALL "[a-z_0-9]+" TARN_MODULE_DEPS "${CMAKE_MATCH_2}")
    if(EXISTS ${CMAKE_SOURCE_DIR}/src/${module}/CMakeLists.txt)
      add_subdirectory(src/${module})
    endif()
  endforeach()
endfunction()

function(tarn_module)
  cmake_parse_arguments(ARG "" "" "LIBRARIES;GENERATED" ${ARGN})
  get_filename_component(module ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  set(benches ${sources})
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_bench|/main)\\.cc$")
  set(below "")
  foreach(dep ${TARN_MODULE_DEPS})
    if(TARGET tarn_${dep})
      list(APPEND below tarn_${dep})
    endif()
  endforeach()

  if(NOT sources AND NOT ARG_GENERATED)
    message(FATAL_ERROR "module ${module} has no sources")
  endif()
  add_library(tarn_${module} STATIC ${sources} ${ARG_GENERATED})
  target_include_directories(tarn_${module} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(tarn_${module} PUBLIC ${below} PRIVATE ${ARG_LIBRARIES})
  tarn_use_precompiled(tarn_${module} tarn_precompiled)
  if(TARN_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(name ${fuzzer} NAME_WE)
      add_executable(${module}_${name} ${fuzzer})
      target_link_libraries(${module}_${name} PRIVATE tarn_${module})
      target_link_options(${module}_${name} PRIVATE -fsanitize=fuzzer)
      target_compile_options(tarn_${module} PRIVATE -fsanitize=fuzzer-no-link)
    endforeach()
    return()
  endif()
  if(tests)
    add_executable(${module}_test ${tests})
    target_link_libraries(${module}_test PRIVATE tarn_${module} ${ARG_LIBRARIES} GTest::gmock
                                                 GTest::gtest_main rapidcheck)
    # Paths from the repository's root, where tests run: objects are the same in every checkout, so
    # ccache has them.
    target_compile_definitions(${module}_test
      PRIVATE TARN_SOURCE_DIR="." TARN_TESTDATA="src/${module}/testdata")
    tarn_test_options(${module}_test)
    tarn_use_precompiled(${module}_test tarn_precompiled_test)
    add_test(NAME ${module}_test COMMAND ${module}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  if(benches AND NOT TARN_SANITIZE)
    add_executable(${module}_bench ${benches})
    target_link_libraries(${module}_bench PRIVATE tarn_${module} benchmark::benchmark_main)
    target_compile_definitions(${module}_bench PRIVATE TARN_SOURCE_DIR=".")
    tarn_use_precompiled(${module}_bench tarn_precompiled)
  endif()
endfunction()

# Sets `output` to the C++ tables that tools/service_model.py makes from this module's model.json.
function(tarn_service_model output)
  get_filename_component(module ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/model_tables.cc)
  add_custom_command(
    OUTPUT ${made}
    COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/service_model.py tables ${module} ${made}
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/service_model.py ${CMAKE_CURRENT_SOURCE_DIR}/model.json
    VERBATIM)
  set(${output} ${made} PARENT_SCOPE)
endfunction()
