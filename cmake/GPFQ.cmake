# Helpers for the libraries and tools of this project.

# gpfq_library(Name SOURCES a.cpp ... [DEPENDS TableGenTarget ...] [LINK lib ...] [MLIR])
# A static, position-independent library, installed and exported. MLIR: it includes MLIR headers and links libMLIR.so.
function(gpfq_library name)
  cmake_parse_arguments(ARG "MLIR" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  target_include_directories(${name} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  if(ARG_MLIR)
    target_link_libraries(${name} PUBLIC GPFQMLIR)
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  install(TARGETS ${name} EXPORT GPFQLibraries ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Development)
endfunction()

# gpfq_tool(name SOURCES a.cpp ... LINK lib ...): an executable in build/bin.
function(gpfq_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  # Plugins resolve MLIR symbols from the tool's process.
  set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
  install(TARGETS ${name} EXPORT GPFQTools RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT Tools)
endfunction()

# gpfq_reference(name OPTION...): a page of the reference, made by mlir-tblgen from LLVM_TARGET_DEFINITIONS. The copy in
# docs/reference is for readers of the repository; a test keeps it equal and `./dev docs` renews it.
function(gpfq_reference name)
  tablegen(MLIR ${name}.md ${ARGN})
  set(page ${CMAKE_BINARY_DIR}/reference/${name}.md)
  add_custom_command(
    OUTPUT ${page}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_BINARY_DIR}/${name}.md ${page}
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${name}.md)
  add_custom_target(gpfq-reference-${name} ALL DEPENDS ${page})
  add_test(NAME reference-${name}
    COMMAND ${CMAKE_COMMAND} -E compare_files ${page} ${CMAKE_SOURCE_DIR}/docs/reference/${name}.md)
endfunction()

# gpfq_passes(Group): Passes.h.inc and the page <Group>Passes of the reference from Passes.td in the current directory.
function(gpfq_passes group)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${group})
  add_public_tablegen_target(GPFQ${group}PassesIncGen)
  gpfq_reference(${group}Passes -gen-pass-doc)
endfunction()
