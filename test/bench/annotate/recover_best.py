"""Reads groups of comparisons, answers the best images of each by choix: the peer of the bench's scenario `votes`.

stdin: JSON [[[winner, loser], …], …], images 0 to 3 of each group; stdout: JSON [[best, …], …], several where they are equal.
alpha is the strength of choix's prior, under which its estimate exists whatever the comparisons.
"""

import json
import sys

import choix

IMAGES = 4
ALPHA = 0.1
# The optimiser stops within 1e-5.
EQUAL = 1e-4

best = []
for group in json.load(sys.stdin):
    strengths = choix.opt_pairwise(IMAGES, [tuple(pair) for pair in group], alpha=ALPHA)
    best.append([image for image in range(IMAGES) if strengths[image] > strengths.max() - EQUAL])
json.dump(best, sys.stdout)
