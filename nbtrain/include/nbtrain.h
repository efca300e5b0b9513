/* nbtrain.h: training, evaluation and prediction in C and C++, without the interpreter.

   Generated from the table of functions of nbtrain; docs/how-to/c.md describes them.

   Python makes a trainer and passes the host an array of int64 that begins with the model's address, followed by those
   of the functions in the order of trainer.c_functions():

       addresses = [address for address, _ in trainer.c_functions().values()]
       table = numpy.array([trainer.model.descriptor.ctypes.data, *addresses], numpy.int64)

   The host uses it as a `struct nbtrain` as long as the trainer lives:

       int64_t train(const struct nbtrain *net, const float *x, const float *y, int64_t rows) {
           double result[3];
           return nbtrain_train_step(net, x, rows, 4, y, rows, 2, NBTRAIN_FLOATS, NULL, result);
       }

   x, y, weight, out, delta and dx hold numbers of the trainer's dtype, float or double, row after row; labels are
   int64_t. Unless said otherwise, a function returns a status, NBTRAIN_OK for success. */

#ifndef NBTRAIN_H
#define NBTRAIN_H

#include <stdint.h>

enum nbtrain_status {
    /* success */
    NBTRAIN_OK = 0,
    /* x has no rows, or its columns are not the network's inputs */
    NBTRAIN_WRONG_X = 1,
    /* y has other rows than x, or its columns are not the network's outputs (or target_columns) */
    NBTRAIN_WRONG_Y = 2,
    /* y has floats but the loss takes int64 labels, or the other way round */
    NBTRAIN_WRONG_TARGET = 3,
    /* y has a label that is not one of 0 ... outputs - 1 */
    NBTRAIN_WRONG_LABEL = 4,
    /* the shape of out or delta is not (rows of x, outputs), or that of dx not (rows of x, inputs) */
    NBTRAIN_WRONG_OUT = 5,
    /* sample_weight has a negative number, NaN or infinity, or not one number per sample */
    NBTRAIN_WRONG_WEIGHT = 6,
    /* another thread is using this model */
    NBTRAIN_BUSY = 7,
    /* the loss became NaN or infinite */
    NBTRAIN_DIVERGED = 8,
    /* not enough memory for the order of the samples */
    NBTRAIN_NO_MEMORY = 9,
    /* a function of the loss used an index out of range, or did something else for which Python raises */
    NBTRAIN_FAILED = 10,
    /* the model is a copy or has another dtype than the function; pass trainer.model itself */
    NBTRAIN_WRONG_MODEL = 11,
    /* the learning rate is negative, NaN or infinite */
    NBTRAIN_WRONG_RATE = 12,
    /* the gradient has NaN or infinity */
    NBTRAIN_WRONG_GRADIENT = 13,
    /* backward and input_gradient need a forward of as many rows just before, without another call on the
       model in between; accumulate=True needs a backward since the last update */
    NBTRAIN_NO_FORWARD = 14,
    /* x has more rows than batch_size, which forward and backward take at most */
    NBTRAIN_TOO_MANY_ROWS = 15,
    /* the two models have layers of different sizes, or different dtypes */
    NBTRAIN_OTHER_NETWORK = 16,
    /* the population has no such members, or there is not one block of rows for each of them */
    NBTRAIN_WRONG_MEMBER = 17,
    /* work has fewer bytes than work_size says for so many rows */
    NBTRAIN_WRONG_WORK = 18,
    /* tau is not a number from 0 to 1 */
    NBTRAIN_WRONG_TAU = 19,
    /* m is not a finite number above 0 */
    NBTRAIN_WRONG_M = 20
};

enum nbtrain_targets { NBTRAIN_FLOATS = 0, NBTRAIN_LABELS = 1 };

#define NBTRAIN_FUNCTIONS 15 /* in struct nbtrain, after the model */

struct nbtrain {
    int64_t model;
    int64_t (*train_step)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
        int64_t);
    int64_t (*train_epoch)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
        int64_t);
    int64_t (*loss_and_gradient)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
        int64_t, int64_t);
    int64_t (*update)(int64_t);
    int64_t (*evaluate)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
        int64_t);
    int64_t (*predict)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
    int64_t (*forward)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
    int64_t (*backward)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
        int64_t, int64_t);
    int64_t (*input_gradient)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
        int64_t);
    int64_t (*predict_with)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
    int64_t (*work_size)(int64_t, int64_t);
    int64_t (*copy)(int64_t, int64_t);
    int64_t (*blend)(int64_t, int64_t, double);
    int64_t (*regularize)(int64_t, double);
    int64_t (*gradient_norm)(int64_t, int64_t);
};

/* One iteration on one batch. result[0]: mean data loss before the update. */
static inline int64_t nbtrain_train_step(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, const void *y, int64_t y_rows, int64_t y_columns, int64_t y_kind, const void *weight,
        double *result) {
    return self->train_step(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)y, y_rows,
        y_columns, y_kind, (int64_t)(intptr_t)weight, (int64_t)(intptr_t)result);
}

/* One epoch, or the rest of one that was begun. result[0]: mean data loss over its steps. */
static inline int64_t nbtrain_train_epoch(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, const void *y, int64_t y_rows, int64_t y_columns, int64_t y_kind, const void *weight,
        double *result) {
    return self->train_epoch(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)y, y_rows,
        y_columns, y_kind, (int64_t)(intptr_t)weight, (int64_t)(intptr_t)result);
}

/* The gradient of the objective, penalty included, without dropout. result[0]: the objective. */
static inline int64_t nbtrain_loss_and_gradient(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, const void *y, int64_t y_rows, int64_t y_columns, int64_t y_kind, const void *weight,
        double *result) {
    return self->loss_and_gradient(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)y,
        y_rows, y_columns, y_kind, (int64_t)(intptr_t)weight, (int64_t)(intptr_t)result);
}

/* One iteration of the optimizer with the gradient as it is. */
static inline int64_t nbtrain_update(const struct nbtrain *self) {
    return self->update(self->model);
}

/* result[0..2]: sums of the weighted losses, of the weights, and of the correct predictions. */
static inline int64_t nbtrain_evaluate(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, const void *y, int64_t y_rows, int64_t y_columns, int64_t y_kind, const void *weight,
        double *result) {
    return self->evaluate(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)y, y_rows,
        y_columns, y_kind, (int64_t)(intptr_t)weight, (int64_t)(intptr_t)result);
}

/* Predictions for x, written to out. */
static inline int64_t nbtrain_predict(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, void *out, int64_t out_rows, int64_t out_columns) {
    return self->predict(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)out, out_rows,
        out_columns);
}

/* The last layer's activation for at most batch_size rows, written to out; keeps what backward needs. */
static inline int64_t nbtrain_forward(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, void *out, int64_t out_rows, int64_t out_columns, int64_t training, int64_t draw) {
    return self->forward(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)out, out_rows,
        out_columns, training, draw);
}

/* After forward of the same rows: the gradient for delta = dJ/d out, and dJ/dx unless dx is NULL. */
static inline int64_t nbtrain_backward(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, const void *delta, int64_t delta_rows, int64_t delta_columns, void *dx,
        int64_t dx_rows, int64_t dx_columns, int64_t accumulate) {
    return self->backward(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)delta,
        delta_rows, delta_columns, (int64_t)(intptr_t)dx, dx_rows, dx_columns, accumulate);
}

/* The same for dx alone; the gradient stays as it is. */
static inline int64_t nbtrain_input_gradient(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, const void *delta, int64_t delta_rows, int64_t delta_columns, void *dx,
        int64_t dx_rows, int64_t dx_columns) {
    return self->input_gradient(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)delta,
        delta_rows, delta_columns, (int64_t)(intptr_t)dx, dx_rows, dx_columns);
}

/* As predict, in work, and nothing in the model is written: many threads may call it at once. */
static inline int64_t nbtrain_predict_with(const struct nbtrain *self, const void *x, int64_t rows,
        int64_t columns, void *out, int64_t out_rows, int64_t out_columns, void *work, int64_t work_bytes) {
    return self->predict_with(self->model, (int64_t)(intptr_t)x, rows, columns, (int64_t)(intptr_t)out,
        out_rows, out_columns, (int64_t)(intptr_t)work, work_bytes);
}

/* Bytes of work that predict_with needs for so many rows, not a status; 0 for a copy of a model. */
static inline int64_t nbtrain_work_size(const struct nbtrain *self, int64_t rows) {
    return self->work_size(self->model, rows);
}

/* The parameters become those of source. */
static inline int64_t nbtrain_copy(const struct nbtrain *self, const struct nbtrain *source) {
    return self->copy(self->model, source->model);
}

/* The parameters become (1 - tau) times their own plus tau times those of source. */
static inline int64_t nbtrain_blend(const struct nbtrain *self, const struct nbtrain *source, double tau) {
    return self->blend(self->model, source->model, tau);
}

/* Adds the derivative of the penalty, divided by m, to the gradient. */
static inline int64_t nbtrain_regularize(const struct nbtrain *self, double m) {
    return self->regularize(self->model, m);
}

/* result[0], of one number: the Euclidean norm of the gradient. */
static inline int64_t nbtrain_gradient_norm(const struct nbtrain *self, double *result) {
    return self->gradient_norm(self->model, (int64_t)(intptr_t)result);
}

#endif
