# One CMake library per module, in the order and with the edges of src/LAYERS.
#
# src/<module>/CMakeLists.txt says only `tarn_module(LIBRARIES ...)` with the third-party libraries
# that live in this module. Sources, tests, fuzz targets and micro-benchmarks are found by name:
#   x.cc internal/x.cc   the library tarn_<module>
#   x_test.cc            one binary <module>_test for all of them, run by `./dev test`
#   x_fuzz.cc            <module>_x_fuzz, built by the fuzz preset, run by `./dev fuzz`
#   x_bench.cc           <module>_bench, run by `./dev bench --micro`

function(tarn_add_modules)
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
    # Test code is compiled often and runs once: half of the time of a build otherwise.
    target_compile_options(${module}_test PRIVATE -O0)
    if(TARN_SANITIZE MATCHES undefined)  # What is tested is checked, not the test's own arithmetic.
      target_compile_options(${module}_test PRIVATE -fno-sanitize=undefined)
    endif()
    add_test(NAME ${module}_test COMMAND ${module}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  if(benches AND NOT TARN_SANITIZE)
    add_executable(${module}_bench ${benches})
    target_link_libraries(${module}_bench PRIVATE tarn_${module} benchmark::benchmark_main)
    target_compile_definitions(${module}_bench PRIVATE TARN_SOURCE_DIR=".")
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
