"""Handles for people who come with nothing but a face: `quiet-otter-4821`."""

from app.accounts.rules import is_blocked
from app.ids import Ids

# Words that flatter nobody and offend nobody, whatever animal follows; easy to say over a telephone.
_ADJECTIVES = """
amber ample azure bold brave breezy bright brisk calm candid chatty cheery clever cosy crisp curious dapper daring
dewy eager early fair fleet fond frank fresh gentle glad golden handy happy hardy honest jolly keen kind lively
lucky lunar mellow merry mild modest neat nimble noble patient plucky polite proud quick quiet ready rosy serene
silver smart snug steady sunny swift tidy vivid warm
"""
_ANIMALS = """
alpaca badger beaver bison bobcat camel caribou cheetah cicada condor crane cricket curlew dolphin dormouse eagle egret
falcon ferret finch gazelle gecko gibbon heron ibex ibis impala jackdaw kestrel kiwi koala lark lemur linnet lion
llama lynx magpie marlin marmot marten merlin moose narwhal newt ocelot oriole osprey otter owl panda pelican penguin
plover puffin quail raven robin salmon seal starling swallow tapir tern toucan walrus wombat wren
"""
ADJECTIVES, ANIMALS = tuple(_ADJECTIVES.split()), tuple(_ANIMALS.split())
DIGITS = 4


def new_handle(ids: Ids) -> str:
    """One of some forty million; whether somebody has it is for the caller to see."""
    while True:
        adjective, animal = ADJECTIVES[ids.below(len(ADJECTIVES))], ANIMALS[ids.below(len(ANIMALS))]
        handle = f"{adjective}-{animal}-{ids.below(9 * 10 ** (DIGITS - 1)) + 10 ** (DIGITS - 1)}"
        if not is_blocked(handle):
            return handle
