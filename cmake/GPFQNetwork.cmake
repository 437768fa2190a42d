# gpfq_add_network(name network.mlir [OPTIONS option...] [DEPENDS file...])
# A static library `name` that gpfq-compile makes of a network when the project is built, and its header <name>.h. Link it
# like any library. OPTIONS are those of gpfq-compile, --calibration=FILE among them; DEPENDS are files that the library is
# made anew for when they change.
function(gpfq_add_network name network)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "OPTIONS;DEPENDS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "gpfq_add_network: unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  get_filename_component(network "${network}" ABSOLUTE)
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/${name}.gpfq")
  set(archive "${directory}/lib${name}.a")
  set(header "${directory}/lib${name}.h")
  set(include "${directory}/include")
  file(MAKE_DIRECTORY "${include}")
  add_custom_command(
    OUTPUT "${archive}" "${include}/${name}.h"
    COMMAND gpfq-compile "${network}" ${ARG_OPTIONS} --name=${name} -o "${archive}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${header}" "${include}/${name}.h"
    DEPENDS "${network}" ${ARG_DEPENDS}
    COMMENT "Compiling the network ${name}"
    VERBATIM)
  add_custom_target(${name}-network DEPENDS "${archive}" "${include}/${name}.h")
  add_library(${name} STATIC IMPORTED)
  set_target_properties(${name} PROPERTIES
    IMPORTED_LOCATION "${archive}"
    INTERFACE_INCLUDE_DIRECTORIES "${include}")
  add_dependencies(${name} ${name}-network)
endfunction()
