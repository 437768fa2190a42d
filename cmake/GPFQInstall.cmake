# What `cmake --install` gives, in three components: Tools, Development (headers, archives, find_package), Documentation.
include(CMakePackageConfigHelpers)
set(config_directory ${CMAKE_INSTALL_LIBDIR}/cmake/GPFQ)
set(doc_directory ${CMAKE_INSTALL_DATADIR}/doc/gpfq-mlir)

install(DIRECTORY include/gpfq include/gpfq-c DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT Development
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
install(DIRECTORY ${CMAKE_BINARY_DIR}/include/gpfq DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT Development
  FILES_MATCHING PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE PATTERN Runtime EXCLUDE)

configure_package_config_file(cmake/GPFQConfig.cmake.in ${CMAKE_BINARY_DIR}/GPFQConfig.cmake
  INSTALL_DESTINATION ${config_directory} PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/GPFQConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_BINARY_DIR}/GPFQConfig.cmake ${CMAKE_BINARY_DIR}/GPFQConfigVersion.cmake cmake/GPFQNetwork.cmake
  DESTINATION ${config_directory} COMPONENT Tools)
install(EXPORT GPFQTools DESTINATION ${config_directory} COMPONENT Tools)
install(FILES cmake/GPFQDependencies.cmake DESTINATION ${config_directory} COMPONENT Development)
install(EXPORT GPFQLibraries DESTINATION ${config_directory} COMPONENT Development)

install(FILES LICENSE README.md DESTINATION ${doc_directory} COMPONENT Documentation)
install(DIRECTORY docs examples DESTINATION ${doc_directory} COMPONENT Documentation)
