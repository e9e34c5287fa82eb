# What solutions import comes with its bytecode: nothing of it is compiled when it is imported.
import sys

loader = sys.modules["_frozen_importlib_external"].SourceLoader
source_to_code = loader.source_to_code
compiled = []


def noted(self, data, path, **options):
    compiled.append(path)
    return source_to_code(self, data, path, **options)


loader.source_to_code = noted

import bisect, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools, heapq, itertools, json
import math, operator, queue, random, re, statistics, string, threading, typing

print("compiled", compiled)
