"""A NumPy or Numba that lacks something: what users see is one line with versions, or nothing at all."""

from __future__ import annotations

import os
import sys

import llvmlite
import numba
import pytest
from processes import run

CHANGES = {
    "features": "import numba.core.codegen as C; del C.JITCPUCodegen._customize_tm_features",
    "library": "import numba.core.codegen as C; del C.JITCodeLibrary",
    "codegen": "import numba.core.cpu as c; c.CPUContext.codegen = lambda self: self._codegen_new",
    "passes": "import numba.core.codegen as C; del C.CPUCodegen._pass_builder",
    "pipeline": "import numba.core.compiler as c; del c.DefaultPassBuilder.define_nopython_pipeline",
    "machinery": "import numba.core.compiler_machinery as m; del m.PassManager",
    "tuples": "import llvmlite.binding as b; del b.PipelineTuningOptions, b.create_pass_builder",
}
PROGRAM = """
import numba, numpy as np, nbtrain
import numba.core.typing.ctypes_utils
{change}
spec = nbtrain.Activation("own", lambda z: z * z, lambda z: 2.0 * z)
try:
    nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1, spec)]), loss="mse", rng=0)
except nbtrain.Error as error:
    print(type(error).__name__, str(error))
"""


@pytest.mark.parametrize("part", CHANGES)
def test_a_numba_without_a_private_part_is_named_with_its_version(part, tmp_path):
    environment = os.environ | {"NBTRAIN_CACHE_DIR": str(tmp_path)}
    done = run([sys.executable, "-c", PROGRAM.format(change=CHANGES[part])], env=environment)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("Error nbtrain ")
    assert f"cannot compile with Numba {numba.__version__} and llvmlite {llvmlite.__version__}: " in line
    assert line.endswith("; it has been tried with Numba 0.68")


WITHOUT_FIX = """
import numpy as np
del np.fix
import nbtrain
spec = nbtrain.Activation("own", lambda z: np.trunc(z), lambda z: 0.0 * z)
trainer = nbtrain.Trainer(nbtrain.Network(2, [nbtrain.Dense(1, spec)]), loss="mse", rng=0)
trainer.set_weights([([[1.0], [1.0]], [0.5])])
print(trainer.predict([[1.0, 1.25]])[0, 0])
try:
    import onnx
except ImportError:
    pass
else:
    trainer.to_onnx()
"""


def test_a_numpy_without_fix_is_no_matter():
    done = run([sys.executable, "-c", WITHOUT_FIX])
    assert done.stdout == "2.0\n", done.stderr
