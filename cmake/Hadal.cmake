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
  add_compile_options(-fsanitize=${HADAL_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HADAL_SANITIZE})
endif()

function(_hadal_target target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_compile_options(${target} PRIVATE ${HADAL_WARNINGS})
endfunction()

# hadal_library(NAME inference_weights SRCS a.cc b.cc DEPS hadal::base)  ->  hadal::inference_weights
function(hadal_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  set(target hadal_${ARG_NAME})
  if(ARG_SRCS)
    add_library(${target} STATIC ${ARG_SRCS})
    _hadal_target(${target})
    target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
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
endfunction()

# hadal_test(NAME inference_kv_test LABEL unit SRCS block_pool_test.cc DEPS hadal::inference_kv)
# One executable per module keeps link time down. LABEL: unit golden fuzz sim e2e slow.
function(hadal_test)
  cmake_parse_arguments(ARG "" "NAME;LABEL;TIMEOUT" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  _hadal_target(${ARG_NAME})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} hadal::test_support)
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
