"""One module per sub-command of `bonafide`: its docstring is the help text, `add_arguments`, and `run`."""
