"""The command line: ``run | sweep | project | compare | verify | plot | info | tail-index | new``.

Exit status: 0 done; 2 bad input; 3 numerical failure; 4 a comparison or verification failed;
130 interrupted. Whatever is not the answer goes to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from fokkerplanck._version import __version__
from fokkerplanck.guard import guarded

__all__ = ["app", "main"]

FAILED = 4
#: status of a sweep without one good point
NOTHING = 3
#: Options that take several values in a row: ``--set a=1 b=2`` is ``--set a=1 --set b=2``.
REPEATED = ("--set", "--tol", "--vary")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fokker-Planck solvers for stochastic gradient descent as a physical process.",
    epilog="Exit status: 0 done, 2 bad input, 3 numerical failure, 4 comparison or check failed.",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="File to write.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the case: grid.x.cells=64."),
]

Quantity = Annotated[
    list[str] | None,
    typer.Option("--quantity", metavar="NAME", help="Only these: spectrum.0; repeat it."),
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="FORMULA", help='Abscissa of the fits: "1/learning_rate".'),
]
Scale = Annotated[
    str | None, typer.Option("--scale", metavar="FORMULA", help="Times are multiplied by this.")
]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    _command()(args=spread(given), prog_name="fokkerplanck")
    raise SystemExit(0)


@cache  # typer would make all commands anew for every call
def _command() -> Any:
    return typer.main.get_command(app)


def spread(arguments: Sequence[str]) -> list[str]:
    """Repeat an option of `REPEATED` before each ``key=value`` that follows it."""
    out: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in REPEATED else ""
            out.append(argument)
        elif option and "=" in argument:
            out += [argument] if out[-1] == option else [option, argument]
        else:
            option = ""
            out.append(argument)
    return out


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fokkerplanck {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
@guarded
def run(
    case: Annotated[Path, typer.Argument(help="Case file, TOML.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Result; otherwise CASE.h5 in the current folder."),
    ] = None,
    set_: Set = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    force: Force = False,
    refine: Annotated[
        bool, typer.Option("--refine", help="Passages and spectrum on finer grids, too.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a case: densities, currents and all it asks for, into an HDF5 file."""
    from fokkerplanck.case import build, load_case
    from fokkerplanck.progress import Progress
    from fokkerplanck.run import check_output, run_case

    loaded = load_case(case, set_ or ())
    path = output or Path(f"{case.stem}.h5")
    check_output(path, case)
    with Progress(build.times(loaded), quiet=quiet or json) as progress:
        options = {"resume": resume, "force": force, "refine": refine}
        result = run_case(loaded, path, progress=progress, **options)
    if json:
        _print_json(result.json())
    elif not quiet:
        from fokkerplanck.report import print_run

        print_run(result.json())


@app.command()
@guarded
def sweep(
    case: Annotated[Path, typer.Argument(help="Case file, TOML.")],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=VALUES",
            help="noise.batch_size=8,16,32 or grid.x.cells=64:1024:5:log; repeat it.",
        ),
    ] = None,
    set_: Set = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Table; otherwise CASE_sweep.h5 in this folder."),
    ] = None,
    zip_: Annotated[
        bool, typer.Option("--zip", help="Values side by side, not the full grid.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished one.")] = False,
    force: Force = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, help="Processes; otherwise one per core. 0: this one."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Of dask: its workers solve."),
    ] = None,
    quantity: Quantity = None,
    against: Against = None,
    scale: Scale = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a case at many values of its keys; fit the logarithms of times."""
    from fokkerplanck.case import load_variants
    from fokkerplanck.run import check_output
    from fokkerplanck.sweep import run_sweep
    from fokkerplanck.sweep_fit import fits_of
    from fokkerplanck.sweep_progress import SweepProgress
    from fokkerplanck.sweep_values import parse_vary

    path = output or Path(f"{case.stem}_sweep.h5")
    check_output(path, case)
    variants, values = load_variants(case, set_ or ()), parse_vary(vary or ())
    options: dict[str, Any] = {"zipped": zip_, "resume": resume, "force": force}
    options |= {"workers": workers, "scheduler": scheduler}
    with SweepProgress(quiet=quiet or json) as progress:
        result = run_sweep(variants, values, path, progress=progress, **options)
    fitted = fits_of(result, quantity, against=against, scale=scale)
    if json:
        _print_json(result.json(fitted))
    elif not quiet:
        from fokkerplanck.sweep_report import print_sweep

        print_sweep(result, fitted, quantity)
    if "done" not in result.tally():
        first = next(iter(result.messages.values()))
        typer.echo(f"error: no point was solved; the first says: {first}", err=True)
        raise typer.Exit(NOTHING)


@app.command()
@guarded
def project(
    config: Annotated[Path, typer.Argument(help="What to project, TOML.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Plane; otherwise CONFIG.h5 in the current folder."),
    ] = None,
    set_: Set = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished one.")] = False,
    force: Force = False,
    allow_nan: Annotated[
        bool, typer.Option("--allow-nan", help="Finish with NaN where the loss is not finite.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Sample the loss of networks and its gradient noise on a line or plane of weights."""
    from fokkerplanck.projection.config import load_config
    from fokkerplanck.run import check_output

    tables, text = load_config(config, set_ or ())
    path = output or Path(f"{config.stem}.h5")
    check_output(path, config)
    from fokkerplanck.projection import run_project
    from fokkerplanck.projection.progress import ProjectionProgress

    options = {"resume": resume, "force": force, "allow_nan": allow_nan}
    with ProjectionProgress(quiet=quiet or json) as progress:
        found = run_project(tables, text, config, path, progress=progress, **options)
    if json:
        _print_json(found)
    elif not quiet:
        from fokkerplanck.projection.report import print_projection

        print_projection(found)


@app.command()
@guarded
def compare(
    a: Annotated[Path, typer.Argument(metavar="A.h5", help="A result.")],
    b: Annotated[Path, typer.Argument(metavar="B.h5", help="Another.")],
    at: Annotated[
        str | None, typer.Option("--at", help='Time, or "stationary"; otherwise the last time.')
    ] = None,
    tol: Annotated[
        list[str] | None,
        typer.Option("--tol", metavar="METRIC=VALUE", help="Largest value allowed; repeat it."),
    ] = None,
    json: Json = False,
) -> None:
    """Compare two densities: distances, moments, masses of wells, currents."""
    from fokkerplanck.compare import compare_files, parse_tolerances

    found = compare_files(a, b, at=at, tolerances=parse_tolerances(tol or ()))
    if json:
        _print_json(found.json())
    else:
        typer.echo(found.table())
    if not found.passed:
        raise typer.Exit(FAILED)


@app.command()
@guarded
def verify(
    cases: Annotated[
        list[Path] | None, typer.Argument(metavar="[CASE]...", help="Case files, or folders.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All predictions, and the folder cases/ if it is there.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", help="Predictions (I.6) or expectations with this in their name."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the predictions.")] = False,
    plot_: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="PNG|PDF",
            help="Only draw passage times against the barrier, with Kramers' law and what is left "
            "of it: of the quartic well, or of CASE at the temperatures of the sweep.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check the predictions of theory; or cases, if any are given, for what they expect."""
    from fokkerplanck import verdicts
    from fokkerplanck import verify as check

    if list_:
        entries = check.listing(only)
        _print_json({"predictions": entries}) if json else verdicts.print_listing(entries)
        return
    if plot_ is not None:
        _plot_sweep(plot_, cases or (), force=force, json=json)
        return
    outcome = check.verify(cases or (), everything=all_, only=only, tell=not (quiet or json))
    if json:
        _print_json(outcome.json())
    elif not quiet:
        verdicts.print_verdicts(outcome.json())
    if outcome.status:
        raise typer.Exit(outcome.status)


@app.command()
@guarded
def plot(
    result: Annotated[
        Path, typer.Argument(metavar="OUT.h5", help="A result, or a sampled landscape.")
    ],
    other: Annotated[Path | None, typer.Argument(help="Another one, to compare.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="PNG, PDF, GIF or MP4; otherwise OUT.png."),
    ] = None,
    at: Annotated[
        float | None, typer.Option("--at", help="Only the snapshot of this time.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic densities.")] = False,
    what: Annotated[
        str | None,
        typer.Option(
            "--what",
            help="density, current, stationary, landscape; passage, committor, reactive, survival, "
            "spectrum, rates, quasi-stationary; of a sweep lines or map.",
        ),
    ] = None,
    passage: Annotated[
        str | None, typer.Option("--passage", help="Only the passage of this name.")
    ] = None,
    dpi: Annotated[int, typer.Option("--dpi", min=20, max=2000, help="Dots per inch.")] = 200,
    quantity: Quantity = None,
    against: Against = None,
    scale: Scale = None,
    force: Force = False,
) -> None:
    """Draw a result: densities, currents, a movie over time; a sweep, a sampled landscape."""
    from fokkerplanck.plot import plot_comparison, plot_result
    from fokkerplanck.store import read
    from fokkerplanck.sweep_file import is_sweep, read_sweep

    path = output or Path(f"{result.stem}.png")
    if other is None and is_sweep(result):
        from fokkerplanck.plot.sweep import plot_sweep

        chosen: dict[str, Any] = {"against": against, "scale": scale, "what": what}
        names = quantity or ([f"passage.{passage}.log10_mean"] if passage else None)
        plot_sweep(read_sweep(result), path, quantities=names, dpi=dpi, force=force, **chosen)
        typer.echo(path)
        return
    if other is None and _is_surface(result):
        from fokkerplanck.plot.surface import plot_surface, relief_of_file

        plot_surface(relief_of_file(result), path, dpi=dpi, force=force)
        typer.echo(path)
        return
    with read(result) as a:
        if other is None:
            shown: dict[str, Any] = {"at": at, "log": log, "what": what, "name": passage}
            plot_result(a, path, dpi=dpi, force=force, **shown)
        else:
            from fokkerplanck.compare import snapshot

            with read(other) as b:
                pair = snapshot(a, at), snapshot(b, at)
            plot_comparison(*pair, path, log=log, dpi=dpi, force=force)
    typer.echo(path)


@app.command()
@guarded
def info(
    file: Annotated[Path | None, typer.Argument(help="A result, or a sampled landscape.")] = None,
    json: Json = False,
    cite: Annotated[bool, typer.Option("--cite", help="Papers behind the formulas.")] = False,
) -> None:
    """Say what a result, or a sampled landscape, holds, and who computed it with what."""
    if cite:
        from fokkerplanck.references import REFERENCES, as_text

        if json:
            _print_json({"references": REFERENCES})
        else:
            typer.echo(as_text())
        return
    if file is None:
        _usage("info needs a FILE, or --cite")
    from fokkerplanck.store import read
    from fokkerplanck.sweep_file import is_sweep

    if is_sweep(file):
        _info_of_sweep(file, json=json)
        return
    if _is_surface(file):
        _info_of_surface(file, json=json)
        return
    with read(file) as stored:
        if json:
            from fokkerplanck.describe import describe

            _print_json(describe(stored))
        else:
            from fokkerplanck.report import print_info

            print_info(stored)


@app.command("tail-index")
@guarded
def tail_index(
    file: Annotated[Path, typer.Argument(help="Gradient noise: .npy, .npz or HDF5.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="Which array of the file.")
    ] = None,
    block: Annotated[
        int | None,
        typer.Option("--block", metavar="K1", help="Length of blocks; otherwise sqrt(samples)."),
    ] = None,
    axis: Annotated[
        int, typer.Option("--axis", help="Of samples; all others are coordinates.")
    ] = 0,
    centre: Annotated[
        bool, typer.Option("--centre", help="Subtract the median of each coordinate.")
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out coordinates that are constant or hold zeros.")
    ] = False,
    draws: Annotated[
        int, typer.Option("--draws", help="Simulated samples of the goodness of fit.")
    ] = 99,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of controls.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FIGURE", help="PNG or PDF to draw.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Estimate the tail index of gradient noise, with controls of the pooled estimate."""
    from fokkerplanck.tail_index_file import read_noise
    from fokkerplanck.tail_index_report import print_tails, tails_json
    from fokkerplanck.tail_index_study import study_tails

    if output is not None:
        from fokkerplanck.plot.output import PICTURES, check_output

        check_output(output, force=force, allowed=PICTURES)
    values = read_noise(file, dataset, axis)
    options: dict[str, Any] = {"draws": draws, "skip": skip, "centre": centre, "seed": seed}
    study = study_tails(values, block, **options)
    found = {"file": str(file), **tails_json(study)}
    if output is not None:
        from fokkerplanck.plot.tail_index_figure import plot_tails

        plot_tails(study, output, force=force)
        found["figure"] = str(output)
    if json:
        _print_json(found)
    else:
        print_tails(found)


@app.command()
@guarded
def new(
    kind: Annotated[str | None, typer.Argument(help="Which; without it they are listed.")] = None,
    output: Output = None,
    force: Force = False,
) -> None:
    """Write a commented case file to start from."""
    from fokkerplanck.templates import listing, template, write_template

    if kind is None:
        typer.echo(listing())
    elif output is None:
        typer.echo(template(kind), nl=False)
    else:
        write_template(kind, output, force=force)


def _info_of_sweep(file: Path, *, json: bool) -> None:
    from fokkerplanck.sweep_file import read_sweep
    from fokkerplanck.sweep_report import describe_sweep, print_sweep_info

    result = read_sweep(file)
    if json:
        _print_json(describe_sweep(result, result.fit()))
    else:
        print_sweep_info(result, result.fit())


def _is_surface(file: Path) -> bool:
    from fokkerplanck.landscapes.surface_file import is_surface

    return is_surface(file)


def _info_of_surface(file: Path, *, json: bool) -> None:
    from fokkerplanck.surface_record import surface_of_file

    found = surface_of_file(file)
    if json:
        _print_json(found)
    else:
        from fokkerplanck.surface_report import print_surface

        print_surface(found)


def _plot_sweep(output: Path, cases: Sequence[Path], *, force: bool, json: bool) -> None:
    from fokkerplanck.plot.kramers import plot_kramers
    from fokkerplanck.plot.output import PICTURES, check_output
    from fokkerplanck.verify import sweep

    check_output(output, force=force, allowed=PICTURES)
    found = sweep(cases)
    plot_kramers(found, output, force=force)
    if json:
        _print_json({"plot": str(output), **found.json()})
    else:
        typer.echo(output)


def _usage(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2)


def _print_json(value: Any) -> None:
    from json import dumps

    from fokkerplanck.record import plain

    typer.echo(dumps(plain(value), allow_nan=False))


if __name__ == "__main__":
    main()
