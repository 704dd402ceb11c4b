#!/bin/sh -e
:
