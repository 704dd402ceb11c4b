#!/bin/sh -e
echo >>"$INPUT_BELL"
