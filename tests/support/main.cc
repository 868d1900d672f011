// main() of every test program. Catch2 v3 brings its own.
#ifndef PODRING_CATCH2_V3
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
