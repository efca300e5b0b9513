"""nbtrain.torch.layer: a network in a PyTorch model, against the same network of PyTorch's own."""

from __future__ import annotations

import copy
import io
import pickle
import sys
import textwrap

import numpy as np
import processes
import pytest
from common import assert_close

import nbtrain

torch = pytest.importorskip("torch")
import nbtrain.torch as nt  # noqa: E402

SIZES, ROWS = (5, 8, 6, 3), 7


def make(dropout=0.0, dtype="float64", **options):
    layers = [nbtrain.Dense(8, "tanh", dropout=dropout), nbtrain.Dense(6, "sigmoid"), nbtrain.Dense(3)]
    options = {"loss": "softmax_cross_entropy", "batch_size": 16, "rng": 0} | options
    return nbtrain.Trainer(nbtrain.Network(5, layers), dtype=dtype, **options)


def twin(trainer):
    """The same network of PyTorch's layers, with copies of the parameters."""
    dtype = torch.float64 if trainer.dtype == np.float64 else torch.float32
    linear = [torch.nn.Linear(*pair, dtype=dtype) for pair in zip(SIZES, SIZES[1:], strict=False)]
    with torch.no_grad():
        for own, (w, b) in zip(linear, trainer.weights, strict=True):
            own.weight.copy_(torch.from_numpy(w.T))
            own.bias.copy_(torch.from_numpy(b))
    return torch.nn.Sequential(linear[0], torch.nn.Tanh(), linear[1], torch.nn.Sigmoid(), linear[2])


def rows(*shape, seed=0, dtype=torch.float64, needs=False):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=dtype, requires_grad=needs)


# ---- results


def test_outputs_and_gradients_are_those_of_pytorchs_layers():
    trainer = make()
    ours, theirs = nt.layer(trainer), twin(trainer)
    x, y = rows(ROWS, 5, needs=True), rows(ROWS, 5, needs=True)
    found, wanted = ours(x), theirs(y)
    assert_close(found.detach(), wanted.detach(), 1e-13)
    (found**2).sum().backward()
    (wanted**2).sum().backward()
    assert_close(x.grad, y.grad, 1e-13)
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert parameter.shape == other.shape
        assert_close(parameter.grad, other.grad, 1e-13)


@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 3, 5), (2, 2, 4, 5)])
def test_any_leading_dimensions_are_rows(shape):
    trainer = make()
    ours, theirs, x = nt.layer(trainer), twin(trainer), rows(*shape)
    assert_close(ours(x).detach(), theirs(x).detach(), 1e-13)
    assert_close(ours(x.transpose(0, -1).contiguous().transpose(0, -1)).detach(), theirs(x).detach(), 1e-13)


def test_gradcheck_of_inputs_and_parameters():
    inner = nt.layer(make())
    x = rows(ROWS, 5, needs=True)
    assert torch.autograd.gradcheck(lambda x, *parameters: inner(x), (x, *inner.parameters()))
    assert torch.autograd.gradcheck(lambda x: inner(inner(x) @ torch.ones(3, 5, dtype=x.dtype)), (x,))


def test_gradcheck_with_a_mask_and_without_dropout():
    inner = nt.layer(make(dropout=0.5))

    def seeded(x, *parameters):
        torch.manual_seed(3)
        return inner(x)

    x = rows(ROWS, 5, needs=True)
    assert torch.autograd.gradcheck(seeded, (x, *inner.parameters()))
    inner.eval()
    assert torch.autograd.gradcheck(lambda x, *parameters: inner(x), (x, *inner.parameters()))
    assert_close(inner(x).detach(), inner.trainer.forward(x.detach().numpy(), training=False), 1e-15)


@pytest.mark.parametrize("make_optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_it_trains_in_the_middle_of_a_model_as_pytorchs_layers_do(make_optimizer):
    trainer = make()
    models = []
    for inner in (nt.layer(trainer), twin(trainer)):
        torch.manual_seed(1)
        ends = torch.nn.Linear(4, 5, dtype=torch.float64), torch.nn.Linear(3, 1, dtype=torch.float64)
        models.append(torch.nn.Sequential(ends[0], torch.nn.Tanh(), inner, ends[1]))
    x, y = rows(16, 4), rows(16, 1, seed=1)
    for model in models:
        optimizer = make_optimizer(model.parameters(), lr=0.1)

        def closure(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure).detach()) for _ in range(20)]
        assert losses[-1] < losses[0]
    for ours, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert_close(ours.detach(), theirs.detach(), 1e-9)
    assert_close(trainer.forward(rows(4, 5).numpy()), models[1][2](rows(4, 5)).detach(), 1e-9)


def test_the_layers_own_step_is_the_trainers_iteration():
    trainer = make(optimizer="adam", clip_norm=0.5)
    other, inner = copy.deepcopy(trainer), nt.layer(trainer)
    x, y = rows(16, 5), torch.arange(16) % 3
    for _ in range(5):
        inner.zero_grad()
        torch.nn.functional.cross_entropy(inner(x), y).backward()
        inner.step()
        other.train_step(x.numpy(), y.numpy())
    assert trainer.iteration == 5
    assert_close(trainer.theta, other.theta, 1e-12)


def test_a_network_used_twice_before_backward_has_both_gradients():
    trainer = make(dropout=0.4)
    inner, x, y = nt.layer(trainer), rows(ROWS, 5, needs=True), rows(ROWS, 5, seed=1, needs=True)
    torch.manual_seed(5)
    first, second = inner(x), inner(y)
    trainer.predict(x.detach().numpy())
    (first * second).sum().backward()
    together = [x.grad, y.grad] + [parameter.grad.clone() for parameter in inner.parameters()]
    # one after the other, by the chain rule
    inner.zero_grad()
    x.grad = y.grad = None
    torch.manual_seed(5)
    again = inner(x)
    again.backward(second.detach())
    inner(y).backward(first.detach())
    assert_close(again.detach(), first.detach(), 1e-15)
    for found, wanted in zip(together, [x.grad, y.grad, *(p.grad for p in inner.parameters())], strict=True):
        assert_close(found, wanted, 1e-13)


def test_two_layers_of_one_trainer_share_it():
    trainer = make()
    one, other = nt.layer(trainer), nt.layer(trainer)
    x = rows(ROWS, 5)
    (one(x) * other(x + 1)).sum().backward()
    theirs = twin(trainer)
    (theirs(x) * theirs(x + 1)).sum().backward()
    for first, second, wanted in zip(one.parameters(), other.parameters(), theirs.parameters(), strict=True):
        assert_close(first.grad + second.grad, wanted.grad, 1e-13)


def test_a_pass_that_is_made_again_by_checkpointing_has_the_same_masks():
    inner = nt.layer(make(dropout=0.5))
    grads = []
    for through in (inner, lambda x: torch.utils.checkpoint.checkpoint(inner, x, use_reentrant=False)):
        torch.manual_seed(2)
        x = rows(ROWS, 5, needs=True)
        (through(x) ** 2).sum().backward()
        grads.append(x.grad)
    assert_close(grads[1], grads[0], 1e-15)


def test_masks_change_from_step_to_step_and_with_eval_there_are_none():
    trainer = make(dropout=0.5)
    inner, x = nt.layer(trainer), rows(ROWS, 5)
    torch.manual_seed(0)
    outputs = [inner(x).detach() for _ in range(4)]
    assert len({found.numpy().tobytes() for found in outputs}) == 4
    torch.manual_seed(0)
    assert inner(x).detach().equal(outputs[0])
    inner.eval()
    assert inner(x).detach().equal(inner(x).detach())
    assert trainer.iteration == 0


def test_a_retained_graph_may_be_used_again():
    inner, x = nt.layer(make()), rows(ROWS, 5, needs=True)
    out = inner(x)
    jacobian = torch.stack([torch.autograd.grad(out[0, k], x, retain_graph=True)[0][0] for k in range(3)])
    wanted = torch.autograd.functional.jacobian(twin(inner.trainer), x[:1].detach())[0, :, 0]
    assert_close(jacobian, wanted, 1e-13)


def test_parameters_that_are_frozen_get_no_gradient():
    inner, x = nt.layer(make()), rows(ROWS, 5, needs=True)
    for parameter in inner.layers[0].parameters():
        parameter.requires_grad_(False)
    inner(x).sum().backward()
    assert [parameter.grad is None for parameter in inner.parameters()] == [True, True, False, False, False, False]
    wanted = x.grad
    x.grad = None
    inner.requires_grad_(False)
    inner.trainer.model.gradient[:] = np.pi
    inner(x).sum().backward()
    assert_close(x.grad, wanted, 1e-14)
    assert (inner.trainer.model.gradient == np.pi).all()


# ---- memory


def test_parameters_are_views_of_theta_and_inputs_are_not_copied(monkeypatch):
    trainer = make(dtype="float32")
    inner = nt.layer(trainer)
    for parameter in inner.parameters():
        with torch.no_grad():
            parameter.fill_(0.25)
    assert (trainer.theta == 0.25).all()
    x, seen = rows(ROWS, 5, dtype=torch.float32), []
    usual = inner._pass.call
    monkeypatch.setattr(inner._pass, "call", lambda name, *given: seen.append(given[1]) or usual(name, *given))
    inner(x).sum().backward()
    assert seen == [x.data_ptr()] * 2


def test_state_dict_keeps_and_restores():
    trainer, x = make(), rows(ROWS, 5)
    inner = nt.layer(trainer)
    file = io.BytesIO()
    torch.save(inner.state_dict(), file)
    wanted, kept = inner(x).detach(), trainer.theta.copy()
    trainer.fit(x.numpy(), np.zeros(ROWS, int), epochs=3)
    assert not inner(x).detach().equal(wanted)
    file.seek(0)
    inner.load_state_dict(torch.load(file, weights_only=True))
    np.testing.assert_array_equal(trainer.theta, kept)
    assert inner(x).detach().equal(wanted)
    assert sorted(inner.state_dict()) == sorted(f"layers.{i}.{part}" for i in range(3) for part in ("weight", "bias"))
    plain = {key: value.clone() for key, value in twin(trainer).state_dict().items()}
    renamed = dict(zip(sorted(inner.state_dict()), (plain[key] for key in sorted(plain)), strict=True))
    inner.load_state_dict(renamed)
    assert_close(inner(x).detach(), wanted, 1e-14)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda inner: pickle.loads(pickle.dumps(inner))])
def test_a_copy_has_a_trainer_of_its_own(duplicate):
    inner, x = nt.layer(make()), rows(ROWS, 5)
    inner.layers[1].requires_grad_(False)
    other = duplicate(torch.nn.Sequential(inner.eval()))[0]
    assert not other.training
    assert [p.requires_grad for p in other.parameters()] == [True, True, False, False, True, True]
    assert other(x).equal(inner(x))
    with torch.no_grad():
        next(other.parameters()).zero_()
    assert (other.trainer.theta[:40] == 0).all()
    assert not other(x).equal(inner(x))
    assert (inner.trainer.theta[:40] != 0).any()


# ---- refusals

REFUSED = {
    "x must be a torch.float64 tensor on the CPU, got torch.float32 on cpu; use": lambda t: t(rows(2, 5).float()),
    "x must be a torch.float64 tensor on the CPU, got torch.float64 on meta; use": lambda t: t(rows(2, 5).to("meta")),
    "x must be a torch.float64 tensor on the CPU, got torch.float64 on cpu, torch.sparse_coo": lambda t: t(
        rows(2, 5).to_sparse()
    ),
    "x must be a tensor, got [[1.0]]": lambda t: t([[1.0]]),
    "x must have shape (…, 5) and at least one row, got (2, 4)": lambda t: t(rows(2, 4)),
    "x must have shape (…, 5) and at least one row, got (0, 5)": lambda t: t(rows(0, 5)),
    "x must have shape (…, 5) and at least one row, got ()": lambda t: t(torch.tensor(1.0, dtype=torch.float64)),
    "x must have at most batch_size = 16 rows, got 17; make the Trainer with a": lambda t: t(rows(17, 5)),
    "the layer must stay torch.float64 on the CPU, where the trainer's theta is, got torch.float64 on meta": lambda t: (
        torch.nn.Sequential(t).to("meta")
    ),
    "the layer must stay torch.float64 on the CPU, where the trainer's theta is, got torch.float32 on cpu": lambda t: (
        t.float()
    ),
    "the layer must stay torch.float64 on the CPU, where the trainer's theta is, got torch.float16": lambda t: t.half(),
    "the layer must stay torch.float64 on the CPU, where the trainer's theta is, got shared memory": lambda t: (
        t.share_memory()
    ),
    "assign must be False for a layer of nbtrain, whose parameters are views of theta": lambda t: torch.nn.Sequential(
        t
    ).load_state_dict(torch.nn.Sequential(t).state_dict(), assign=True),
    "the layer has no gradients; call backward() on a loss first": lambda t: t.step(),
    "requires_grad must be True for all parameters of the layer, got False": lambda t: frozen(t).step(),
    "the bias of a layer must stay a view of theta, got another tensor; copy numbers into it": lambda t: replaced(t),
    "the weight of a layer must stay a view of theta, got another tensor": lambda t: moved(t),
}


def frozen(inner):
    inner(rows(2, 5)).sum().backward()
    next(inner.parameters()).requires_grad_(False)
    return inner


def replaced(inner):
    inner.layers[0].bias = torch.nn.Parameter(torch.zeros(8, dtype=torch.float64))
    inner(rows(2, 5))


def moved(inner):
    inner.layers[1].weight.data = torch.zeros(6, 8, dtype=torch.float64)
    inner(rows(2, 5))


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused_says_why_and_harms_nothing(message):
    trainer = make()
    inner, before = nt.layer(trainer), trainer.theta.copy()
    with pytest.raises(nbtrain.InputError) as raised:
        REFUSED[message](inner)
    assert str(raised.value).startswith(message)
    np.testing.assert_array_equal(trainer.theta, before)
    assert trainer.forward(rows(2, 5).numpy()).shape == (2, 3)


def test_moves_that_move_nothing_are_fine():
    inner = nt.layer(make())
    assert inner.to("cpu").double().cpu().to(torch.float64) is inner
    assert inner(rows(2, 5)).shape == (2, 3)


def test_only_a_trainer_makes_a_layer():
    with pytest.raises(nbtrain.InputError, match=r"^trainer must be a Trainer, got 'trainer'$"):
        nt.layer("trainer")


def test_a_gradient_of_parameters_that_have_changed_is_an_error():
    trainer = make()
    inner, x = nt.layer(trainer), rows(ROWS, 5)
    out = inner(x)
    with torch.no_grad():
        inner.layers[0].bias.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
    out = inner(x)
    trainer.train_step(x.numpy(), np.zeros(ROWS, int))
    with pytest.raises(nbtrain.Error, match="the trainer was trained between the forward and the backward pass"):
        out.sum().backward()
    other = (inner.layers[0].weight ** 2).sum()
    inner(x).sum().backward()
    inner.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        other.backward()


def test_second_derivatives_are_refused():
    inner, x = nt.layer(make()), rows(ROWS, 5, needs=True)
    with pytest.raises(nbtrain.Error, match=r"^a layer of nbtrain has no second derivatives: use create_graph=False$"):
        torch.autograd.grad(inner(x).sum(), x, create_graph=True)


def test_a_gradient_that_is_not_finite_is_refused_by_the_step():
    trainer = make()
    inner, before = nt.layer(trainer), trainer.theta.copy()
    (inner(rows(ROWS, 5)) * np.nan).sum().backward()
    with pytest.raises(nbtrain.DivergenceError):
        inner.step()
    np.testing.assert_array_equal(trainer.theta, before)


# ---- the import


def test_nbtrain_does_not_import_pytorch_and_its_absence_is_told():
    code = """
        import sys
        import nbtrain, nbtrain.kernel
        nbtrain.Trainer
        assert "torch" not in sys.modules
        sys.modules["torch"] = None
        try:
            import nbtrain.torch
        except ImportError as error:
            print(error)
    """
    done = processes.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)])
    assert (done.returncode, done.stdout) == (0, "nbtrain.torch needs PyTorch: pip install nbtrain[torch]\n"), (
        done.stderr
    )
