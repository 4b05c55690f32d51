"""Parts of a pipeline that scikit-learn does not have; imported only when a pipeline is built."""
