"""Value types, geometry, metrics, phantom and error tree: numpy and the standard library."""
