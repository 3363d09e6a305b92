"""The somata that a structure of marked voxels splits into, by cellfinder's rule and ball filter.

A structure is eroded again and again, and falls apart; the erosion that leaves the most pieces
counts. cellfinder's own function for it places the pieces wrongly: version 1.10.1 never takes off
the margin that it puts around a structure, and a ball of an even number of voxels, which has its
middle between two voxels, moves the marks by about half a voxel with each erosion, in 1.11.0 too.
What is left of a soma also leans towards the one that it touches, where less is taken away. Here
the margin is taken off, the ball's middle is reckoned with, and each voxel of the structure goes to
the nearest piece: a soma lies in the middle of its share. The numbers are cellfinder's.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from scipy.spatial import KDTree

from cellsift.detection.structures import Structure, find_structures

# An erosion takes away less than so many radii of the ball.
REACH = 0.75


def marks_beside(settings) -> np.ndarray:
    """How far (3,) in voxels z, y, x the ball filter's marks lie beside the middle of its ball.

    0 along axes where the ball is an odd number of voxels wide; else about 0.5 along z, and about
    -0.5 along y and x.
    """
    from cellfinder.core.detect.filters.volume.ball_filter import get_kernel

    # The kernel's own order is x, y, z.
    ball = get_kernel(settings.ball_xy_size, settings.ball_z_size).T.astype(float)
    in_plane = (settings.ball_xy_size - 1) // 2
    marked = [settings.ball_z_size // 2, in_plane, in_plane]
    # Rounded, as a sum's last bit must not decide on halves that are rounded later.
    return np.round(np.subtract(marked, [_middle(ball, axis) for axis in range(3)]), 9)


def _middle(ball: np.ndarray, axis: int) -> float:
    """The middle of the ball along an axis, in voxels; of even balls it is 1/14 voxel too far."""
    weights = np.moveaxis(ball, axis, 0).sum(axis=(1, 2))
    # Of two voxels both must be bright, however their weights differ.
    return 0.5 if len(weights) == 2 else float(np.average(np.arange(len(weights)), weights=weights))


def centres_of(structure: Structure, settings, beside: np.ndarray) -> np.ndarray:
    """Centres (n, 3) in voxels z, y, x of a structure, or of the somata it splits into.

    Too small a structure, and one so large that its voxels are not kept, counts as one.
    `settings` are cellfinder's for the splitting ball, `beside` (3,) as in `centres_of_split`.
    """
    import torch

    if not settings.max_cell_volume <= structure.count < settings.max_cluster_size:
        return np.round(structure.mean - beside)[np.newaxis]
    # Threads would cost more than they bring on so few voxels, ten times as much on busy cores.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return centres_of_split(structure, settings, beside)
    finally:
        torch.set_num_threads(threads)


def centres_of_split(structure: Structure, settings, beside: np.ndarray) -> np.ndarray:
    """Centres (n, 3) in voxels z, y, x of the somata that a structure splits into.

    `settings` are cellfinder's for the splitting ball. `beside` (3,) is how far the structure's own
    voxels lie beside their place. A structure that does not fall apart is one soma.
    """
    voxels = structure.voxels
    margins = _margins(settings)
    best: list[np.ndarray] = []
    erosions = 0
    for number, pieces in enumerate(_pieces(voxels, settings, margins), start=1):
        if len(pieces) > max(len(best), 1):
            best, erosions = pieces, number
    if not erosions:
        return np.round(structure.mean - beside)[np.newaxis]
    room = _room(settings)
    if any((margin < least).any() for margin, least in zip(margins, room, strict=True)):
        # Pieces that are cut at the margin's end are whole in a wider one.
        whole = next(islice(_pieces(voxels, settings, room), erosions - 1, None), [])
        best = whole if len(whole) == len(best) else best
    moved = erosions * marks_beside(settings)
    pieces = [piece - moved for piece in best]
    owners = _nearest_pieces(voxels, pieces, settings, erosions)
    shares = [voxels[owners == number] for number in range(len(pieces))]
    # A ball that fills with little may leave a piece beside the structure.
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    middles = [
        share.mean(axis=0) if len(share) else piece.mean(axis=0).clip(low, high)
        for share, piece in zip(shares, pieces, strict=True)
    ]
    return np.round(np.subtract(middles, beside))


def _nearest_pieces(
    voxels: np.ndarray, pieces: list[np.ndarray], settings, erosions: int
) -> np.ndarray:
    """For each of the voxels (m, 3) the number of the piece, positions (n, 3), nearest to it.

    -1 where none is as near as so many erosions can have taken away (`REACH`).
    What lies farther was a soma that has vanished, or none.
    """
    numbers = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    ball = np.array([settings.ball_z_size, settings.ball_xy_size, settings.ball_xy_size])
    tree = KDTree(np.concatenate(pieces) * (2 / ball))
    _, nearest = tree.query(voxels * (2 / ball), distance_upper_bound=REACH * erosions + 1e-9)
    return np.append(numbers, -1)[nearest]


def _margins(settings) -> tuple[np.ndarray, np.ndarray]:
    """The voxels (3,) z, y, x before and behind a structure, as many as cellfinder gives it.

    The number of pieces depends on them. Versions before 1.11 give the ball's radius in the plane
    on every side, too little where the ball is higher than wide.
    """
    from cellfinder.core.detect.filters.volume.ball_filter import BallFilter

    if hasattr(BallFilter, "min_xy_padding"):
        return _room(settings)
    radius = np.full(3, settings.ball_xy_size // 2)
    return radius, radius


def _room(settings) -> tuple[np.ndarray, np.ndarray]:
    """The voxels (3,) z, y, x before and behind a structure that the ball needs at its ends."""
    ball = np.array([settings.ball_z_size, settings.ball_xy_size, settings.ball_xy_size])
    return (ball - 1) // 2, ball // 2


def _pieces(
    voxels: np.ndarray, settings, margins: tuple[np.ndarray, np.ndarray]
) -> Iterator[list[np.ndarray]]:
    """The pieces, each its positions (n, 3), that are left of `voxels` (m, 3), erosion by erosion.

    As the ball filter marks them, until nothing is left.
    """
    corner = voxels.min(axis=0) - margins[0]
    bright = np.zeros(voxels.max(axis=0) - corner + 1 + margins[1], bool)
    bright[tuple((voxels - corner).T)] = True
    for _ in range(settings.n_splitting_iter):
        bright = _marked(bright, settings)
        found = find_structures([np.argwhere(bright)], bright.shape[1:], largest=bright.size + 1)
        pieces = [piece.voxels + corner for piece in found]
        yield pieces
        if not pieces:
            return


def _marked(bright: np.ndarray, settings) -> np.ndarray:
    """The voxels (z, y, x), as booleans, that the ball filter marks in bright ones."""
    import torch
    from cellfinder.core.detect.filters.volume.ball_filter import BallFilter, InvalidVolume

    depth, height, width = bright.shape
    # As cellfinder divides it: marks leak from batch to batch.
    in_batch = settings.plane_height * settings.plane_width * settings.batch_size
    batch = max(min(in_batch // (height * width), depth), 1)
    marked = np.zeros_like(bright)
    try:
        ball_filter = BallFilter(
            plane_height=height,
            plane_width=width,
            ball_xy_size=settings.ball_xy_size,
            ball_z_size=settings.ball_z_size,
            overlap_fraction=settings.ball_overlap_fraction,
            threshold_value=1,
            soma_centre_value=2,
            tile_height=settings.tile_height,
            tile_width=settings.tile_width,
            dtype="float32",
            batch_size=batch,
            use_mask=False,
        )
    except InvalidVolume:
        return marked
    planes, done = torch.from_numpy(bright.astype(np.float32)), ball_filter.first_valid_plane
    for z in range(0, depth, batch):
        ball_filter.append(planes[z : z + batch])
        if ball_filter.ready:
            ball_filter.walk()
            walked = ball_filter.get_processed_planes()
            marked[done : done + len(walked)] = walked == 2
            done += len(walked)
    return marked
