# What the libraries link, for the build and for find_package(GPFQ): MLIR and LLVM as Debian packages them, Eigen, libzip,
# lld.
find_package(MLIR 22.1 REQUIRED CONFIG)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_library(GPFQ_LIBZIP zip REQUIRED)
find_library(GPFQ_LIBZSTD zstd REQUIRED)
find_library(GPFQ_LLD_ELF lldELF PATHS "${LLVM_LIBRARY_DIR}" NO_DEFAULT_PATH REQUIRED)
find_library(GPFQ_LLD_COMMON lldCommon PATHS "${LLVM_LIBRARY_DIR}" NO_DEFAULT_PATH REQUIRED)

# libMLIR.so and libLLVM.so, but not for modules: those are plugins of programs that have a libMLIR of their own.
add_library(GPFQMLIR INTERFACE IMPORTED)
target_include_directories(GPFQMLIR SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_link_libraries(GPFQMLIR INTERFACE $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>>:MLIR;LLVM>)

# lld as a library (Debian: liblld-22-dev), and what it compresses sections with.
add_library(GPFQLLD INTERFACE IMPORTED)
target_link_libraries(GPFQLLD INTERFACE ${GPFQ_LLD_ELF} ${GPFQ_LLD_COMMON} ${GPFQ_LIBZSTD} ZLIB::ZLIB)

add_library(GPFQLibzip INTERFACE IMPORTED)
target_link_libraries(GPFQLibzip INTERFACE ${GPFQ_LIBZIP})
