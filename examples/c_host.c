/* A simulation in C that learns what it simulates: see c_host.py, which compiles it and gives it a trainer.

   A pendulum with friction swings; a network learns to say, from angle and speed, where both are a tenth of a second
   later. Every state is used once, as it comes: nothing is stored, no interpreter takes part. */

#include <math.h>
#include <stddef.h>

#include "nbtrain.h" /* in the folder nbtrain.get_include() */

enum { BATCH = 32, SUBSTEPS = 20 };

static double uniform(uint64_t *state) { /* from -1 to 1 */
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 4503599627370496.0 - 1.0;
}

static void swing(const float *now, float *later) {
    double angle = now[0], speed = now[1], dt = 0.1 / SUBSTEPS;
    for (int i = 0; i < SUBSTEPS; i++) {
        speed += dt * (-9.81 * sin(angle) - 0.3 * speed);
        angle += dt * speed;
    }
    later[0] = (float)angle;
    later[1] = (float)speed;
}

static void draw(float x[][2], float y[][2], uint64_t *state) {
    for (int i = 0; i < BATCH; i++) {
        x[i][0] = (float)(1.5 * uniform(state));
        x[i][1] = (float)(3.0 * uniform(state));
        swing(x[i], y[i]);
    }
}

/* Train for so many steps, then measure: report[0] becomes the mean loss on new states, report[1] the largest error
   of ten predicted swings in a row, from one state on. Returns 0, or the status of the call that failed. */
int64_t simulate(const struct nbtrain *net, int64_t steps, uint64_t seed, double *report) {
    float x[BATCH][2], y[BATCH][2], state[2] = {1.0f, 0.0f}, truth[2] = {1.0f, 0.0f};
    double result[3];
    int64_t status = NBTRAIN_OK;
    for (int64_t step = 0; step < steps && status == NBTRAIN_OK; step++) {
        draw(x, y, &seed);
        status = nbtrain_train_step(net, x, BATCH, 2, y, BATCH, 2, NBTRAIN_FLOATS, NULL, result);
    }
    if (status != NBTRAIN_OK)
        return status;
    draw(x, y, &seed);
    status = nbtrain_evaluate(net, x, BATCH, 2, y, BATCH, 2, NBTRAIN_FLOATS, NULL, result);
    report[0] = result[0] / result[1];
    report[1] = 0.0;
    for (int i = 0; i < 10 && status == NBTRAIN_OK; i++) {
        float next[2];
        status = nbtrain_predict(net, state, 1, 2, next, 1, 2);
        state[0] = next[0];
        state[1] = next[1];
        swing(truth, truth);
        report[1] = fmax(report[1], fabs((double)state[0] - truth[0]));
    }
    return status;
}
