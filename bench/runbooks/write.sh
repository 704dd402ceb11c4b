#!/bin/sh -e
cat -- "$INPUT_FILE"
