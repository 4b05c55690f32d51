"""Random changes of a batch, against NumPy and SciPy."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import ndimage
from skimage.color import rgb2yiq, yiq2rgb

from tellapart.recipe import AugmentRecipe
from tellapart.training import augment as room
from tellapart.training.augment import augment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n=4, channels=1, height=12, width=12, seed=0) -> torch.Tensor:
    made = torch.rand((n, channels, height, width), generator=generator(seed))
    return made.contiguous(memory_format=torch.channels_last)


@pytest.fixture
def at_most(monkeypatch):
    """Let every uniform number be the given share of its most, and every coin what a test says."""

    def fix(share: float = 1.0, *, coins: bool = False) -> None:
        monkeypatch.setattr(room.Draws, "between", lambda self, most: torch.full((self.portion.of,), share * most))
        monkeypatch.setattr(room.Draws, "coins", lambda self: torch.full((self.portion.of,), coins))

    return fix


def test_nothing_switched_on_gives_the_batch_itself():
    pictures = batch()
    assert augment(pictures, AugmentRecipe(), generator=generator()) is pictures


@pytest.mark.parametrize("share", [1.0, -1.0, 0.5])
@pytest.mark.parametrize("shape", [(12, 12), (12, 20), (21, 9)])
def test_a_turn_is_one_about_the_middle_in_pixels(at_most, share, shape):
    at_most(share)
    pictures = batch(1, 1, *shape)
    angle = 35.0
    out = augment(pictures, AugmentRecipe(rotation=angle), generator=generator())[0, 0].numpy()
    a = math.radians(share * angle)
    # Output (y, x) is read from R (y, x): the picture itself turns the other way.
    matrix = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    assert np.abs(out - resampled(pictures[0, 0].numpy(), matrix)).max() < 2e-5


def resampled(picture: np.ndarray, matrix: np.ndarray, shift=(0.0, 0.0)) -> np.ndarray:
    """Read each output pixel (y, x) from matrix @ (y, x) + shift about the middle, as SciPy does it."""
    middle = (np.array(picture.shape) - 1) / 2
    offset = middle - matrix @ middle + np.array(shift)
    return ndimage.affine_transform(picture.astype(float), matrix, offset=offset, order=1, mode="nearest")


def test_half_a_turn_is_that_of_numpy_on_any_shape(at_most):
    at_most(1.0)
    for shape in ((12, 12), (12, 20), (5, 8)):
        pictures = batch(2, 3, *shape)
        out = augment(pictures, AugmentRecipe(rotation=180), generator=generator())
        assert torch.allclose(out, torch.rot90(pictures, 2, dims=(2, 3)), atol=1e-5)


@pytest.mark.parametrize(("share", "quarters"), [(0.5, 1), (-0.5, -1)])
def test_a_quarter_turn_is_that_of_numpy(at_most, share, quarters):
    at_most(share)
    pictures = batch(2, 1, 12, 12)
    out = augment(pictures, AugmentRecipe(rotation=180), generator=generator()).numpy()
    assert np.abs(out - np.rot90(pictures.numpy(), quarters, axes=(2, 3))).max() < 1e-5


def test_a_quarter_turn_of_an_oblong_picture_keeps_pixels_square(at_most):
    at_most(0.5)
    pictures = batch(1, 1, 12, 20)
    out = augment(pictures, AugmentRecipe(rotation=180), generator=generator())[0, 0].numpy()
    turned = np.rot90(pictures[0, 0].numpy())  # 20 × 12: its middle 12 rows fill the middle 12 columns
    assert np.abs(out[:, 4:16] - turned[4:16]).max() < 1e-5


@pytest.mark.parametrize(("share", "pixels"), [(1.0, 3), (-1.0, -3)])
def test_a_shift_by_whole_pixels_rolls_with_filled_edges(at_most, share, pixels):
    at_most(share)
    pictures = batch(2, 1, 12, 12)
    out = augment(pictures, AugmentRecipe(shift=0.25), generator=generator()).numpy()
    place = np.clip(np.arange(12) + pixels, 0, 11)
    assert np.abs(out - pictures.numpy()[:, :, place][..., place]).max() < 1e-5


def test_a_shift_is_a_fraction_of_each_side(at_most):
    at_most(1.0)
    pictures = batch(1, 1, 8, 20)
    out = augment(pictures, AugmentRecipe(shift=0.25), generator=generator()).numpy()
    rows, columns = np.clip(np.arange(8) + 2, 0, 7), np.clip(np.arange(20) + 5, 0, 19)
    assert np.abs(out - pictures.numpy()[:, :, rows][..., columns]).max() < 1e-5


@pytest.mark.parametrize("share", [1.0, -1.0])
@pytest.mark.parametrize("shape", [(12, 12), (11, 20)])
def test_zoom_shear_and_stretch_are_those_of_scipy(at_most, share, shape):
    at_most(share)
    picture = batch(1, 1, *shape)

    def out(**parts) -> np.ndarray:
        return augment(picture, AugmentRecipe(**parts), generator=generator())[0, 0].numpy()

    plain = picture[0, 0].numpy()
    scale = 1 / (1 + share * 0.3)
    assert np.abs(out(zoom=0.3) - resampled(plain, np.eye(2) * scale)).max() < 2e-5
    lean = math.tan(math.radians(share * 20))
    assert np.abs(out(shear=20) - resampled(plain, np.array([[1, 0], [lean, 1]]))).max() < 2e-5
    ratio = math.sqrt(1 + share * 0.2)
    assert np.abs(out(stretch=0.2) - resampled(plain, np.diag([1 / ratio, ratio]))).max() < 2e-5


@pytest.mark.parametrize("share", [1.0, -1.0])
@pytest.mark.parametrize("shape", [(12, 12), (11, 20)])
def test_a_crop_is_a_part_in_the_corner_enlarged(at_most, monkeypatch, share, shape):
    at_most(share)
    monkeypatch.setattr(room.Draws, "rand", lambda self: torch.ones(self.portion.of))
    picture = batch(1, 1, *shape)
    out = augment(picture, AugmentRecipe(crop=0.75), generator=generator())[0, 0].numpy()
    # A quarter of the area, half of each side: it lies in a corner, a quarter of the side from the middle.
    corner = resampled(picture[0, 0].numpy(), np.eye(2) / 2, shift=share * np.array(shape) / 4)
    assert np.abs(out - corner).max() < 2e-5


def test_crops_lie_inside_the_picture_and_have_the_wished_area():
    ramp = torch.stack(torch.meshgrid(torch.arange(40.0), torch.arange(60.0), indexing="ij"))[None].repeat(500, 1, 1, 1)
    out = augment(ramp, AugmentRecipe(crop=0.5), generator=generator())
    rows, columns = out[:, 0].mean(dim=2), out[:, 1].mean(dim=1)
    assert rows.diff(dim=1)[:, 1:-1].min() > 0.6, "no row is read twice: nothing beyond the picture"
    share = (rows[:, 30] - rows[:, 10]) / 20 * (columns[:, 45] - columns[:, 15]) / 30
    assert 0.5 - 1e-3 <= share.min() < 0.52
    assert 0.98 < share.max() <= 1 + 1e-3
    assert share.mean() == pytest.approx(0.75, abs=0.02)


def test_zooming_in_makes_things_larger(at_most):
    at_most(1.0)
    pictures = torch.zeros(1, 1, 20, 20)
    pictures[:, :, 8:12, 8:12] = 1
    assert augment(pictures, AugmentRecipe(zoom=0.5), generator=generator()).sum() > 1.8 * pictures.sum()


@pytest.mark.parametrize("more", [{}, {"rotation": 1e-9}])
def test_flips_with_and_without_geometry(at_most, more):
    at_most(0.0, coins=True)
    pictures = batch(2, 3, 5, 8)
    for name, axis in (("flip_horizontal", 3), ("flip_vertical", 2)):
        out = augment(pictures, AugmentRecipe(**{name: True}, **more), generator=generator())
        assert torch.allclose(out, pictures.flip(axis), atol=1e-6)
    at_most(0.0, coins=False)
    out = augment(pictures, AugmentRecipe(flip_horizontal=True, **more), generator=generator())
    assert torch.allclose(out, pictures, atol=1e-6)


def test_about_half_of_the_pictures_are_flipped():
    pictures = batch(1000, 1, 2, 2)
    out = augment(pictures, AugmentRecipe(flip_horizontal=True), generator=generator())
    assert 440 < int((out != pictures).any(dim=(1, 2, 3)).sum()) < 560


def test_brightness_is_uniform_and_within_its_range():
    out = augment(torch.zeros(4000, 1, 2, 2), AugmentRecipe(brightness=0.3), generator=generator(), std=(0.5,))
    added = out[:, 0, 0, 0]
    assert (out == added[:, None, None, None]).all()
    assert added.abs().max() <= 0.6
    assert added.abs().max() > 0.59
    assert abs(added.mean()) < 0.02
    assert added.std() == pytest.approx(0.6 / math.sqrt(3), rel=0.03)


def test_contrast_is_a_factor_about_the_pictures_own_mean():
    pictures = batch(2000, 3, 4, 4)
    out = augment(pictures, AugmentRecipe(contrast=0.4), generator=generator())
    assert torch.allclose(out.mean(dim=(1, 2, 3)), pictures.mean(dim=(1, 2, 3)), atol=1e-5)
    factor = out.std(dim=(1, 2, 3)) / pictures.std(dim=(1, 2, 3))
    assert 0.6 - 1e-4 <= factor.min() < 0.61
    assert 1.39 < factor.max() <= 1.4 + 1e-4


@pytest.mark.parametrize(("mean", "std"), [((0.0,), (1.0,)), ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))])
def test_saturation_blends_with_luminance_as_pillow_does(at_most, mean, std):
    at_most(-1.0)
    colours = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    expected = np.asarray(ImageEnhance.Color(Image.fromarray(colours)).enhance(0.4), dtype=float)
    out = recoloured(colours, AugmentRecipe(saturation=0.6), mean=mean, std=std)
    assert np.abs(out - expected).max() < 1.6, "Pillow rounds luminance and result"


@pytest.mark.parametrize(("mean", "std"), [((0.0,), (1.0,)), ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))])
def test_a_hue_turns_in_the_plane_of_scikit_images_yiq(at_most, mean, std):
    at_most(1.0)
    colours = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    luminance, i, q = np.moveaxis(rgb2yiq(colours / 255), -1, 0)
    turned = (i + 1j * q) * np.exp(1j * math.radians(30))
    expected = yiq2rgb(np.stack([luminance, turned.real, turned.imag], axis=-1)) * 255
    out = recoloured(colours, AugmentRecipe(hue=30), mean=mean, std=std)
    assert np.abs(out - expected).max() < 0.01


def recoloured(colours: np.ndarray, recipe: AugmentRecipe, *, mean, std) -> np.ndarray:
    """Return changed colours, 0 to 255, of a picture that went through a preprocessing."""
    centre, scale = (torch.tensor(value)[:, None, None] for value in (mean, std))
    picture = (torch.from_numpy(colours).permute(2, 0, 1) / 255 - centre) / scale
    out = augment(picture[None], recipe, generator=generator(), mean=mean, std=std)[0]
    return ((out * scale + centre) * 255).permute(1, 2, 0).numpy()


def test_greys_keep_their_grey_whatever_is_done_to_colours():
    greys = batch(50, 1, 4, 4).expand(-1, 3, -1, -1)
    out = augment(greys, AugmentRecipe(saturation=0.9, hue=180), generator=generator())
    assert torch.allclose(out, greys, atol=1e-5)


def test_noise_is_gaussian_with_its_deviation():
    out = augment(torch.zeros(50, 3, 30, 30), AugmentRecipe(noise=0.1), generator=generator(), std=(1 / 3,)).double()
    assert out.mean().abs() < 0.005
    assert out.std() == pytest.approx(0.3, rel=0.02)
    assert (out**4).mean() / out.var() ** 2 == pytest.approx(3, rel=0.05)


def test_erasing_hides_a_rectangle_of_the_wished_share_of_pictures():
    pictures = batch(600, 1, 20, 20)
    out = augment(pictures, AugmentRecipe(erase=0.5), generator=generator())
    changed = (out != pictures)[:, 0]
    touched = changed.any(dim=(1, 2))
    assert 240 < int(touched.sum()) < 360
    for mask, picture, result in zip(changed[touched], pictures[touched], out[touched], strict=True):
        rows, columns = mask.any(dim=1).nonzero().flatten(), mask.any(dim=0).nonzero().flatten()
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert int(mask.sum()) == len(rows) * len(columns) <= 0.2 * 400 * 1.25
        assert torch.allclose(result[0][mask], picture.mean(), atol=1e-6)


def test_elastic_moves_by_the_wished_fraction_at_most():
    ramp = torch.arange(40.0)[None, None, None, :].repeat(20, 1, 40, 1)
    out = augment(ramp, AugmentRecipe(elastic=0.05), generator=generator())
    moved = (out - ramp)[..., 5:-5].abs()
    assert 0.5 < moved.max() < 2.0 * 1.5  # bicubic interpolation may overshoot
    assert (out - ramp).flatten(1).std(dim=1).min() > 0.1


EVERYTHING = AugmentRecipe(
    flip_horizontal=True, flip_vertical=True, rotation=20, shift=0.1, crop=0.3, shear=10, zoom=0.2, stretch=0.1,
    elastic=0.02, brightness=0.1, contrast=0.2, noise=0.05, erase=0.3,
)  # fmt: skip
COLOURED = AugmentRecipe(**EVERYTHING.parts(), saturation=0.4, hue=20)
PARTS = [AugmentRecipe(**{name: value}) for name, value in COLOURED.parts().items()]
GREY = [recipe for recipe in PARTS if not recipe.saturation and not recipe.hue]


@pytest.mark.parametrize(
    ("channels", "recipe"),
    [*((1, recipe) for recipe in [*GREY, EVERYTHING]), *((3, recipe) for recipe in [*PARTS, COLOURED])],
    ids=lambda given: given if isinstance(given, int) else "+".join(given.parts()),
)
def test_the_generator_alone_decides_and_shape_and_layout_are_kept(recipe, channels):
    pictures = batch(5, channels, 10, 14)
    before, world = pictures.clone(), torch.get_rng_state()
    first, again, other = (augment(pictures, recipe, generator=generator(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(pictures, before)
    assert torch.equal(torch.get_rng_state(), world)
    assert first.shape == pictures.shape
    assert first.dtype == torch.float32
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_one_picture_is_taken():
    assert augment(batch(1, 3, 8, 8), EVERYTHING, generator=generator()).shape == (1, 3, 8, 8)


# Strokes


@pytest.mark.parametrize("shape", [(1, 1, 7, 9), (1, 3, 8, 5)])
@pytest.mark.parametrize(("coins", "extreme"), [(True, ndimage.maximum_filter), (False, ndimage.minimum_filter)])
def test_a_stroke_goes_to_the_neighbourhoods_extreme(at_most, monkeypatch, shape, coins, extreme):
    at_most(coins=coins)
    monkeypatch.setattr(room.Draws, "rand", lambda self: torch.ones(self.portion.of))
    pictures = batch(*shape)
    out = augment(pictures, AugmentRecipe(stroke=0.25), generator=generator())
    for plane, changed in zip(pictures[0].numpy(), out[0].numpy(), strict=True):
        expected = 0.75 * plane + 0.25 * extreme(plane, size=3, mode="nearest")
        assert np.abs(changed - expected).max() < 1e-6


def test_strokes_of_some_pictures_get_thicker_and_of_others_thinner():
    line = torch.zeros(64, 1, 9, 9)
    line[..., 4] = 1.0
    inks = augment(line, AugmentRecipe(stroke=1.0), generator=generator()).sum(dim=(1, 2, 3))
    assert inks.min() < 9 - 4 < 9 + 8 < inks.max()
    assert torch.equal(inks, augment(line, AugmentRecipe(stroke=1.0), generator=generator()).sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("shape", [(7, 12), (2, 3), (1, 5)])
def test_places_moved_to_the_outer_pixels_give_what_border_padding_gives(shape):
    generator = torch.Generator().manual_seed(0)
    height, width = shape
    pictures = torch.rand(4, 3, height, width, generator=generator)
    grid = torch.rand(4, height, width, 2, generator=generator) * 4 - 2
    expected = torch.nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    found = torch.nn.functional.grid_sample(
        pictures, room.within(grid, height=height, width=width), align_corners=False
    )
    assert torch.allclose(found, expected, atol=1e-5)


def test_stretch_is_height_against_width(at_most):
    """A square of 12 pixels, stretched by all of 0.44: its height over its width is 1.44."""
    at_most(1.0)
    picture = torch.zeros(1, 1, 48, 48)
    picture[..., 18:30, 18:30] = 1
    out = augment(picture, AugmentRecipe(stretch=0.44), generator=generator())[0, 0]
    height, width = out[:, 24].sum().item(), out[24].sum().item()
    assert height / width == pytest.approx(1.44, abs=0.03)
