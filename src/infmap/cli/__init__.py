"""The command line: one thin module a verb, imported when it is called."""
