"""How good a model is, how sure of that we are, and the pages that say so.

Probabilities and truth go in as arrays; numbers, intervals and finished documents come out:

    metrics      scores of one set of predictions, for all labels and per label
    ranking      area under the ROC curve and average precision, with each row's influence
    bootstrap    intervals, and whether one model really beats another
    calibration  temperature, thresholds, and whether a stated 90 % is right 90 % of the time
    baseline     what the model is compared with
    curves       ROC and precision-recall curves, thinned for plotting
    convergence  what a training curve says: stop, train longer, overfitting
    document     what a report says, as plain data; assess fills it from predictions
    report       the HTML page of a document;  card  its Markdown model card

Nothing here imports torch, so a report can be drawn where no model can run.
"""
