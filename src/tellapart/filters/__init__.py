"""Classical vision on arrays: kernels, convolution, Gabor filters, pyramids, pooling, one-dimensional smoothing."""

from .convolution import convolve, correlate
from .detectors import CURVE_DETECTOR, YELLOW_DETECTOR, yellowness
from .drawing import draw_filters
from .gabor import GaborFilter, gabor_bank, gabor_filter, gabor_response, sigma_of_bandwidth
from .gradients import Gradient, gradient, sharpened
from .kernel import Kernel, add_kernel, kernels
from .matrix import convolution_matrix, correlation_matrix
from .named import get_kernel
from .padding import Border, Padding, pad
from .pooling import average_pool, max_pool
from .pyramids import gaussian_pyramid, laplacian_pyramid, reconstruct
from .signals import WINDOWS, gaussian_derivative, gaussian_weights, smooth, window_weights

__all__ = [
    "CURVE_DETECTOR",
    "WINDOWS",
    "YELLOW_DETECTOR",
    "Border",
    "GaborFilter",
    "Gradient",
    "Kernel",
    "Padding",
    "add_kernel",
    "average_pool",
    "convolution_matrix",
    "convolve",
    "correlate",
    "correlation_matrix",
    "draw_filters",
    "gabor_bank",
    "gabor_filter",
    "gabor_response",
    "gaussian_derivative",
    "gaussian_pyramid",
    "gaussian_weights",
    "get_kernel",
    "gradient",
    "kernels",
    "laplacian_pyramid",
    "max_pool",
    "pad",
    "reconstruct",
    "sharpened",
    "sigma_of_bandwidth",
    "smooth",
    "window_weights",
    "yellowness",
]
