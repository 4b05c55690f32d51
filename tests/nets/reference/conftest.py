"""These programs run where Keras, torchvision and timm are: pytest leaves them alone."""

collect_ignore = ["with_keras.py", "with_tf_keras.py", "with_torchvision.py"]
