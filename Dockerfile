# docker build -t biosyn .                                                          torch for the CPU
# docker build -t biosyn --build-arg TORCH_INDEX=https://pypi.org/simple .          torch with CUDA
# docker run --rm -p 8888:8888 -v "$PWD:/data" biosyn                               the demo of ./quickstart
# docker run --rm -v "$PWD:/data" --user "$(id -u)" biosyn quickstart               any verb, on files of this folder
FROM python:3.11-slim-bookworm
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

WORKDIR /opt/biosyn
COPY requirements.txt ./
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements.txt)" \
    && grep -v '^-e' requirements.txt > pins.txt \
    && pip install --no-cache-dir -r pins.txt
COPY . ./
RUN pip install --no-cache-dir --no-deps .

# HOME can be written by everybody, so that --user may be anybody
RUN useradd --create-home --uid 1000 biosyn && chmod 1777 /home/biosyn && mkdir /data && chown biosyn /data
ENV HOME=/home/biosyn
USER 1000
WORKDIR /data
EXPOSE 8888
ENTRYPOINT ["biosyn"]
CMD ["demo", "--host", "0.0.0.0"]
