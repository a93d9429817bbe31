"""What runs inside the training process and its workers: standard library only, torch once the script has it.

Nothing here imports the rest of the tool and nothing of the tool imports this: the two meet in the raw
files (documented in `recorder`) and in the shared page `live`. Every hook is silent on its own errors,
since the script must behave as it does without us.
"""
