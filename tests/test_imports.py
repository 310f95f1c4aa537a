"""Imports go one way; nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fokkerplanck"
SOLVERS = Path(__file__).parents[1] / "solvers"

#: Rooms of the package from the ground up; a room imports from its own row or rows above it.
ROWS = [
    {"_version"},
    {"errors"},
    {"grid"},
    {"half_lattice"},
    {
        "landscapes",
        "noise",
        "noise_models",
        "sgd_settings",
        "sgd_clock",
        "functions_of_time",
        "scaled_noise",
        "regions",
        "cut_cells",
        "spd",
        "jumps",
        "sgd",
        "schedule",
        "forces",
    },
    {"problem", "initial", "sets", "underdamped", "levy", "levy_plane"},
    {"link_weight", "interpolate", "line_nodes", "killed_chain", "plane_chain", "line_chain"}
    | {"levy_sets", "levy_line"},
    {"density", "currents", "steady_state", "observe", "regrid", "distances", "quantiles"}
    | {"probes"}
    | {"passage", "transitions", "survival", "relaxation", "metastability", "well_rates"}
    | {"refinement"}
    | {"phase_space", "kinetic_density", "kinetic_currents", "kinetic_steady"}
    | {"kinetic_relaxation", "kinetic_line", "kinetic_passage"}
    | {"kinetic_survival", "kinetic_rates"}
    | {"ensemble", "ensemble_fields", "ensemble_plan", "ensemble_start", "ensemble_target"}
    | {"arrivals", "sampling", "sampled_density", "sampled_passage"}
    | {"in_plane", "in_plane_passage", "in_plane_sample", "in_plane_table", "in_plane_walk"}
    | {"confrontation_density", "confrontation_occupation", "confrontation_plain"}
    | {"confrontation_row", "confrontation_survival"}
    | {"network_statistics", "tail_network_pooled", "tail_network_coordinates"}
    | {"tail_index", "tail_index_stable", "tail_index_regression", "tail_index_fit"}
    | {"tail_index_scan", "tail_index_controls", "tail_index_study", "tail_index_verdict"}
    | {"tail_index_file"}
    | {
        "levy_passage",
        "levy_density",
        "levy_tail",
        "levy_state",
        "levy_steps",
        "levy_refinement",
        "levy_flux",
        "levy_cells",
    }
    | {"levy_relaxation", "levy_metastability", "levy_well_rates"}
    | {"levy_reach", "levy_beyond", "levy_overshoot", "levy_survival"}
    | {"levy_walk_plan", "levy_walk_target", "levy_sampled_passage", "levy_sampled_density"}
    | {"levy_plane_killed", "levy_plane_tail", "levy_plane_density", "levy_plane_passage"}
    | {"levy_plane_flux", "levy_plane_relaxation"},
    {"theory"},
    {"barrier_sweep", "annealing", "occupation", "selection", "regression"}
    | {"in_plane_chain", "confrontation", "tail_network_line"},
    {"layout", "store", "stored_escape"},
    {"case"},
    {
        "provenance",
        "recorded_file",
        "record",
        "writer",
        "resume",
        "expect",
        "comparison",
        "compare",
        "compare_sampling",
        "plot",
    }
    | {"sgd_record", "surface_record", "kinetic_record", "kinetic_checkpoint", "levy_record"}
    | {"levy_plane_record"}
    | {"network_run", "network_comparison", "network_modes", "network_distances"}
    | {"network_circulation", "network_equipartition"}
    | {"tail_network_file", "tail_network_collect", "tail_network_summary"}
    | {"sweep_values", "sweep_points", "sweep_data", "sweep_journal", "sweep_file"}
    | {"sweep_abscissa", "sweep_quantity", "sweep_fit", "sweep_scalars"},
    {
        "job",
        "task",
        "kinetic_job",
        "kinetic_escape",
        "levy_job",
        "levy_escape",
        "levy_ensemble_run",
        "levy_plane_job",
        "levy_plane_escape",
        "ensemble_run",
        "sampled_record",
        "confrontation_report",
        "in_plane_chain_report",
        "network_report",
        "tail_index_report",
        "tail_network_report",
        "escape",
        "escape_record",
        "escape_report",
        "escape_way",
        "terminal",
        "references",
        "progress",
        "compile_notice",
        "report",
        "sgd_report",
        "surface_report",
        "describe",
        "run",
        "sweep",
        "projection",
        "sweep_worker",
        "sweep_copy",
        "sweep_pool",
        "sweep_dask",
        "sweep_progress",
        "sweep_report",
    },
    {"verify", "verification", "verdicts"},
    {"guard", "templates", "cli"},
]
#: The one call against the stream: `load_case(path).run()`, imported inside the method.
AGAINST = {("case", "run")}
#: All that the numerics may import, apart from the standard library.
NUMERICS = {"numpy", "scipy", "numba", "llvmlite", "mpmath", "fipy", "threadpoolctl"} | {
    "fokkerplanck"
}
ROW = {room: k for k, rooms in enumerate(ROWS) for room in rooms}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("solvers", "__init__"):
            yield path, parts[0]


def statements(block):
    """All statements in a block of code, however deep, but those for type checkers alone."""
    for node in ast.iter_child_nodes(block):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (inner for part in node.orelse for inner in (part, *statements(part)))
        elif not isinstance(node, ast.expr):
            yield node
            yield from statements(node)


def imported(path):
    """Rooms of fokkerplanck that a module imports, apart from imports for type checkers."""
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "fokkerplanck":
                names = [f"fokkerplanck.{alias.name}" for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(("path", "room"), list(modules()), ids=lambda v: getattr(v, "stem", v))
def test_imports_go_one_way(path, room):
    assert room in ROW, f"{path}: add the room {room!r} to its row in {__file__}"
    for name in imported(path):
        head, *rest = name.split(".")
        if head != "fokkerplanck" or not rest or rest[0] in ("solvers", "__version__"):
            continue
        if (room, rest[0]) not in AGAINST:
            assert ROW[rest[0]] <= ROW[room], f"{path} imports {name}, which stands above it"


@pytest.mark.parametrize("path", sorted(SOLVERS.glob("*.py")), ids=lambda p: p.stem)
def test_solvers_know_arrays_only(path):
    for name in imported(path):
        head, *rest = name.split(".")
        assert head in NUMERICS or head in sys.stdlib_module_names, f"{path} imports {name}"
        if head == "fokkerplanck":
            assert rest[0] == "solvers", (
                f"{path} imports {name}: numerics know nothing of the model"
            )


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import fokkerplanck", {"numpy", "numba", "scipy", "sympy", "matplotlib", "h5py"}),
        ("import fokkerplanck.cli", {"numpy", "numba", "scipy", "sympy", "matplotlib", "pydantic"}),
        ("import fokkerplanck.problem, fokkerplanck.initial", {"numba", "sympy", "matplotlib"}),
        ("import fokkerplanck.case", {"numba", "matplotlib", "sympy"}),
        ("import fokkerplanck.run", {"matplotlib", "sympy", "fipy"}),
        ("import fokkerplanck.projection.directions", {"torch", "sklearn", "numba", "matplotlib"}),
        ("import fokkerplanck.network_report", {"torch", "sklearn", "matplotlib", "sympy"}),
    ],
)
def test_nothing_heavy_is_imported_early(code, heavy):
    script = f"{code}\nimport sys\nprint(*sorted(m for m in sys.modules if '.' not in m))"
    out = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert not heavy & set(out.stdout.split())
