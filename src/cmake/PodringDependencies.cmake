# Finds the libraries, all of them from Debian packages (tools/install-deps lists those), as
# INTERFACE targets podring::<library>. Debian 12 and 13 name some of them differently.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq>=4.3.4)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares>=1.18.1)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl>=7.85)
find_package(Poco 1.11 REQUIRED COMPONENTS Foundation Net Util JSON)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)

# msgpack-cxx is headers only; its CMake package changed its name in 5.0 and again in 6.0, so the
# header is looked for directly.
find_path(MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
add_library(podring_msgpack INTERFACE)
target_include_directories(podring_msgpack SYSTEM INTERFACE ${MSGPACK_INCLUDE_DIR})
target_compile_definitions(podring_msgpack INTERFACE MSGPACK_NO_BOOST)
add_library(podring::msgpack ALIAS podring_msgpack)

find_path(CPPZMQ_INCLUDE_DIR zmq.hpp REQUIRED)
add_library(podring_zmq INTERFACE)
target_include_directories(podring_zmq SYSTEM INTERFACE ${CPPZMQ_INCLUDE_DIR})
target_link_libraries(podring_zmq INTERFACE PkgConfig::zmq)
add_library(podring::zmq ALIAS podring_zmq)

add_library(podring::cares ALIAS PkgConfig::cares)
add_library(podring::curl ALIAS PkgConfig::curl)

if(PODRING_TESTS)
  # Debian 12 has Catch2 v2 (one header), Debian 13 has v3 (a library).
  find_package(Catch2 REQUIRED)
  add_library(podring_catch2 INTERFACE)
  if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
    target_link_libraries(podring_catch2 INTERFACE Catch2::Catch2WithMain)
    target_compile_definitions(podring_catch2 INTERFACE PODRING_CATCH2_V3)
  else()
    target_link_libraries(podring_catch2 INTERFACE Catch2::Catch2)
  endif()
  add_library(podring::catch2 ALIAS podring_catch2)
endif()
