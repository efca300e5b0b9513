"""Tables on their way to a network: reading files, encoding columns, targets, splits and reports.

What the command `nbtrain` does with a file; nothing here trains. The way of a file:

    files.read       -> Table, columns of text or of numbers
    cells.parse      -> numbers, booleans, dates, categories, and which cells are missing
    columns          -> each column scaled or one-hot encoded, as fitted to the training rows
    targets          -> labels or scaled numbers, and back from the network's outputs
    preparation      -> all of that as one object, which is saved with the model
"""
