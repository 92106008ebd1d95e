# Every find_package of the project, with the reason each library is here. All are Debian 12
# packages (ops/setup.sh installs them); nothing is fetched at configure time.

find_package(Threads REQUIRED)
# Protobuf: wire and on-disk records. CMake's own module, and before gRPC (Debian 12 mixes the two).
find_package(Protobuf REQUIRED)
# Abseil: Status, Mutex with thread-safety annotations, Span. Same error codes as gRPC.
find_package(absl REQUIRED CONFIG)
# gRPC: between services and the public API. Only services/ and ops/ may link it.
find_package(gRPC REQUIRED CONFIG)
# fmt, spdlog: messages and logs.
find_package(fmt REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
# nlohmann-json: JSON of the OpenAI API, config.json of checkpoints, CLI output.
find_package(nlohmann_json REQUIRED CONFIG)
# toml++: service configuration. CLI11: command lines. Both header-only.
find_package(tomlplusplus REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
# OpenSSL: digests, HMAC, Ed25519, X.509, TLS. Included by auth/crypto and the TLS front end.
find_package(OpenSSL 3.0 REQUIRED)
# Boost.Asio and Boost.Beast (headers): the OpenAI-compatible HTTPS server.
find_package(Boost 1.74 REQUIRED)
# RocksDB: the one durable truth of documents, chunks, vectors, postings and identities.
find_package(RocksDB REQUIRED CONFIG)
# OpenMP before faiss: faiss' config file needs the target. FAISS: dense vector search.
find_package(OpenMP REQUIRED)
find_package(faiss REQUIRED CONFIG)
# ICU: NFKC / NFC normalisation, character properties, strict charset conversion.
find_package(ICU REQUIRED COMPONENTS uc i18n data)
# pugixml: XML parts of OOXML in the sandboxed parser; it knows no DTD and no entities beyond
# XML's five.
find_package(pugixml REQUIRED CONFIG)

find_package(PkgConfig REQUIRED)
# OpenCC: traditional/simplified folding for matching. Roaring: access bitmaps inside the search.
pkg_check_modules(OPENCC REQUIRED IMPORTED_TARGET opencc)
find_package(roaring REQUIRED CONFIG)
# libarchive: reads the zip containers of OOXML with our limits. libseccomp: the parser's sandbox.
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
# gumbo: HTML5 as browsers read it.
pkg_check_modules(GUMBO REQUIRED IMPORTED_TARGET gumbo)
# leptonica: decodes and cleans pictures of text in the sandboxed parser (text itself: tesseract).
pkg_check_modules(LEPTONICA REQUIRED IMPORTED_TARGET lept)
# cmark-gfm: Markdown with tables; its CMake config is not packaged, so by file.
find_library(CMARK_GFM_LIB cmark-gfm REQUIRED)
find_library(CMARK_GFM_EXT_LIB cmark-gfm-extensions REQUIRED)

# libgcrypt: SM4-GCM, which OpenSSL 3.0 lacks. p11-kit: PKCS#11 tokens that hold a master key, and
# RFC 7512 URIs. Both in auth/crypto only.
pkg_check_modules(GCRYPT REQUIRED IMPORTED_TARGET libgcrypt)
pkg_check_modules(P11_KIT REQUIRED IMPORTED_TARGET p11-kit-1)

# re2: patterns over untrusted text in linear time (services/answer).
pkg_check_modules(RE2_LIBRARY REQUIRED IMPORTED_TARGET re2)

# MPI (OpenMPI): ranks of one model in several processes (inference/comm). Optional: without it
# ranks are threads of one process. Its C interface only; the C++ bindings are gone since MPI 3.
find_package(MPI COMPONENTS C)
if(NOT MPI_C_FOUND)
  message(STATUS "No MPI: ranks run as threads of one process only. For ranks in several processes "
                 "install libopenmpi-dev and openmpi-bin and configure again.")
endif()

if(HADAL_CUDA)
  # CUDA: the second backend, when it comes. Never required otherwise.
  find_package(CUDAToolkit REQUIRED)
endif()

if(HADAL_TESTS)
  # GoogleTest and GoogleMock: unit tests.
  find_package(GTest REQUIRED CONFIG)
endif()
if(HADAL_BENCH)
  # Google Benchmark: micro benchmarks in bench/.
  find_package(benchmark CONFIG)
endif()
