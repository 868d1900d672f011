# Helpers that give every target the same warnings, sanitizers and include root (src/).
set(PODRING_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor)
# Two false alarms of GCC 12: moves of std::variant<..., struct with a string> are not uninitialized,
# and "literal" + std::string does not overlap itself (GCC bug 105651).
list(APPEND PODRING_WARNINGS $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(PODRING_WERROR)
  list(APPEND PODRING_WARNINGS -Werror)
endif()

if(PODRING_SANITIZE)
  add_compile_options(-fsanitize=${PODRING_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PODRING_SANITIZE})
endif()

if(PODRING_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # what libFuzzer steers by
endif()

function(podring_configure target)
  target_compile_options(${target} PRIVATE ${PODRING_WARNINGS})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
endfunction()

# podring_library(core SOURCES a.cc b.cc LINK libs...) makes podring_core and podring::core.
function(podring_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(podring_${name} STATIC ${arg_SOURCES})
  add_library(podring::${name} ALIAS podring_${name})
  podring_configure(podring_${name})
  target_link_libraries(podring_${name} PUBLIC ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
endfunction()

# podring_program(inject SOURCES inject.cc LINK libs...) makes build/<preset>/bin/inject.
function(podring_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  podring_configure(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# podring_timeout(60 codec ...): how many seconds these tests may take. A sanitizer makes them several
# times slower, and nothing is wrong then.
function(podring_timeout seconds)
  if(PODRING_SANITIZE)
    math(EXPR seconds "${seconds} * 4")
  endif()
  set_tests_properties(${ARGN} PROPERTIES TIMEOUT ${seconds})
endfunction()

# podring_test(codec SOURCES codec_test.cc LINK podring::core [TIMEOUT 60]) makes the Catch2 program
# codec_test and the ctest entry "codec". The shared main() is tests/support/main.cc.
function(podring_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name}_test ${arg_SOURCES})
  podring_configure(${name}_test)
  target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name}_test PRIVATE podring_test_main ${arg_LINK})
  add_test(NAME ${name} COMMAND ${name}_test)
  podring_timeout(${arg_TIMEOUT} ${name})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "PODRING_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PODRING_SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()
