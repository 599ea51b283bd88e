"""The functions of the package, one module per family; each op is declared with its gradient."""
