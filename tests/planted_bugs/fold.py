"""Mistakes in unfolding and folding."""

_OP = "minidl.ops.fold"
_IM2COL = "minidl_kernels.numpy.conv"

BUGS = [
    ("Unfold", "stride ↔ dilation", f"{_OP}:Unfold",
     "col2im(grad, self.x_shape, *self.window)",
     "col2im(grad, self.x_shape, self.window[0], self.window[3], self.window[2], self.window[1])"),
    ("Unfold", "columns before rows", f"{_OP}:Unfold",
     "col2im(grad,", "col2im(grad.swapaxes(1, 2),"),
    ("Unfold", "padding forgotten", f"{_OP}:Unfold",
     "col2im(grad, self.x_shape, *self.window)",
     "col2im(grad, self.x_shape, *self.window[:2], (0, 0, 0, 0), self.window[3])"),
    ("Unfold", "sum over windows averaged", f"{_OP}:Unfold",
     "return col2im(grad, self.x_shape, *self.window)",
     "return col2im(grad, self.x_shape, *self.window) / np.maximum("
     "col2im(grad * 0 + 1, self.x_shape, *self.window), 1)"),
    ("Unfold", "place in the window before the channel", f"{_OP}:Unfold",
     "col2im(grad,",
     "col2im(grad.reshape(len(grad), -1, self.x_shape[1], grad.shape[2]).swapaxes(1, 2)"
     ".reshape(grad.shape),"),
    ("Fold", "stride ↔ dilation", f"{_OP}:Fold",
     "im2col(grad, *self.window)",
     "im2col(grad, self.window[0], self.window[3], self.window[2], self.window[1])"),
    ("Fold", "rows ↔ columns of the window", f"{_OP}:Fold",
     "im2col(grad, *self.window)",
     "im2col(grad.swapaxes(2, 3), self.window[0][::-1], *self.window[1:])"),
    ("Fold", "padding of the wrong side", f"{_OP}:Fold",
     "im2col(grad, *self.window)",
     "im2col(grad[:, :, ::-1, ::-1], *self.window)[:, :, ::-1]"),
    ("Fold", "shared out instead of copied", f"{_OP}:Fold",
     "im2col(grad, *self.window)",
     "im2col(grad, *self.window) / (self.window[0][0] * self.window[0][1])"),
    ("Fold", "windows read in columns", f"{_OP}:Fold",
     "return im2col(grad, *self.window)",
     "return (lambda y, OH: y.reshape(*y.shape[:2], OH, -1).swapaxes(2, 3).reshape(y.shape))("
     "im2col(grad, *self.window), checked_output_size(grad.shape[2:], *self.window, 'fold')[0])"),
]  # fmt: skip
