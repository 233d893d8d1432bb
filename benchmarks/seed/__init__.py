"""The experiment that the project starts from, rebuilt: pipelines and models.

An article timed two ways of running a model over a video: OpenCV's decoding on the
CPU and an upload, against NVDEC through torchaudio's StreamReader. Its code, model,
batch size and GPU are not known; what is chosen here in their place is said in
`models` and `pipelines`. `bench_seed.py` measures, `worker` is what it asks.
"""
