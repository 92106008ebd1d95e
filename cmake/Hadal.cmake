# hadal_library / hadal_binary / hadal_test / hadal_bench: one target per module, warnings are
# errors on our targets only, includes are written from the repository root.

set(HADAL_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these in std::string and std::optional at -O2 (PR 105562).
  list(APPEND HADAL_WARNINGS -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow
              -Wno-array-bounds -Wno-dangling-pointer)
else()
  list(APPEND HADAL_WARNINGS -Wthread-safety)
endif()

if(HADAL_SANITIZE)
  # Without vptr: it asks the kernel about memory through a pipe, which the parser's sandbox forbids.
  add_compile_options(-fsanitize=${HADAL_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HADAL_SANITIZE})
endif()

function(_hadal_target target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_compile_options(${target} PRIVATE ${HADAL_WARNINGS})
endfunction()

# Headers that nearly every file needs are parsed once a build instead of some hundred times. Every
# file still includes what it uses: the clang preset builds without.
if(HADAL_PCH)
  add_compile_options(-pthread)  # it defines a macro, and some dependencies ask for it
  # Targets of their own: GCC takes a precompiled header only where all of its macros are defined.
  function(_hadal_precompiled_headers kind)
    cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
    file(TOUCH ${CMAKE_BINARY_DIR}/precompiled_${kind}.cc)
    add_library(hadal_precompiled_${kind} STATIC ${CMAKE_BINARY_DIR}/precompiled_${kind}.cc)
    _hadal_target(hadal_precompiled_${kind})  # warnings change macros too
    target_link_libraries(hadal_precompiled_${kind} PRIVATE ${ARG_DEPS})
    target_precompile_headers(hadal_precompiled_${kind} PRIVATE ${ARG_HEADERS})
  endfunction()
  set(headers <algorithm> <functional> <map> <memory> <optional> <string> <vector>
              <absl/time/time.h> <base/status.h>)
  set(deps absl::status absl::statusor absl::time fmt::fmt)
  _hadal_precompiled_headers(base HEADERS ${headers} DEPS ${deps})
  _hadal_precompiled_headers(cli HEADERS ${headers} <CLI/CLI.hpp> <nlohmann/json.hpp>
                             DEPS ${deps} CLI11::CLI11 nlohmann_json::nlohmann_json)
  if(HADAL_TESTS)
    _hadal_precompiled_headers(test HEADERS ${headers} <gmock/gmock.h> <gtest/gtest.h>
                               DEPS ${deps} GTest::gtest GTest::gmock)
  endif()
endif()

# kind: base, test or cli
function(_hadal_precompile target kind)
  if(HADAL_PCH)
    target_precompile_headers(${target} REUSE_FROM hadal_precompiled_${kind})
  endif()
endfunction()

# hadal_library(NAME inference_weights SRCS a.cc b.cc DEPS hadal::base)  ->  hadal::inference_weights
# PRECOMPILED cli: where every file needs CLI11 and nlohmann-json.
function(hadal_library)
  cmake_parse_arguments(ARG "" "NAME;PRECOMPILED" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(NOT ARG_PRECOMPILED)
    set(ARG_PRECOMPILED base)
  endif()
  set(target hadal_${ARG_NAME})
  if(ARG_SRCS)
    add_library(${target} STATIC ${ARG_SRCS})
    _hadal_target(${target})
    target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
    _hadal_precompile(${target} ${ARG_PRECOMPILED})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${target} INTERFACE ${ARG_DEPS})
  endif()
  add_library(hadal::${ARG_NAME} ALIAS ${target})
endfunction()

# hadal_binary(NAME hadal-gateway SRCS main.cc DEPS hadal::gateway)
function(hadal_binary)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  _hadal_target(${ARG_NAME})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
  _hadal_precompile(${ARG_NAME} base)
endfunction()

# hadal_test(NAME inference_kv_test LABEL unit SRCS block_pool_test.cc DEPS hadal::inference_kv)
# One executable per module keeps link time down. LABEL: unit golden fuzz sim e2e slow.
function(hadal_test)
  cmake_parse_arguments(ARG "" "NAME;LABEL;TIMEOUT" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  _hadal_target(${ARG_NAME})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} hadal::test_support)
  _hadal_precompile(${ARG_NAME} test)
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "HADAL_SOURCE_DIR=${CMAKE_SOURCE_DIR};HADAL_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()

# hadal_bench(NAME kernels_bench SRCS kernels_bench.cc DEPS hadal::inference_kernels)
function(hadal_bench)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  if(TARGET benchmark::benchmark)
    add_executable(${ARG_NAME} ${ARG_SRCS})
    _hadal_target(${ARG_NAME})
    target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} benchmark::benchmark)
  endif()
endfunction()
