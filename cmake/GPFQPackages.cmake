# Debian packages, by `./dev package`: gpfq-mlir (tools, plugin, documentation) and libgpfq-mlir-dev.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gpfq-mlir)
set(CPACK_PACKAGE_VENDOR "the gpfq-mlir authors")
set(CPACK_PACKAGE_CONTACT "the gpfq-mlir authors <gpfq-mlir@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# dpkg-shlibdeps may find libLLVM by the link of llvm-22-dev, and then names no package for it.
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS libllvm22)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME gpfq-mlir)
# The plugin gets MLIR from its host, so nothing says what it needs.
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "mlir-22-tools")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libgpfq-mlir-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "gpfq-mlir (= ${PROJECT_VERSION}), libmlir-22-dev, mlir-22-tools, llvm-22-dev, liblld-22-dev, libeigen3-dev, libzip-dev, libzstd-dev, zlib1g-dev")

include(CPack)
cpack_add_component_group(tools)
cpack_add_component_group(development)
cpack_add_component(Tools GROUP tools)
cpack_add_component(Documentation GROUP tools)
cpack_add_component(Development GROUP development)
