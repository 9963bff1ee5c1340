"""From a file to the working form: read, check, convert, expand foreign operators."""
