# syntax=docker/dockerfile:1.7
# One image for every service of docker-compose.yml but the database: Airflow, its tasks and Dask must run the
# same versions, since Dask carries code and results between them.
#
#   CPU (default)   docker build -t ig-tasks:cpu .
#   GPU             docker build -t ig-tasks:gpu --build-arg FRAMEWORKS=gpu,text .
#
# torch's default Linux wheels carry CUDA (several GB). For a small CPU image name torch's own index of CPU wheels:
#                   docker build -t ig-tasks:cpu --build-arg TORCH_INDEX_URL=<that index> .
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Extras of ig-tasks, comma-separated: torch, tensorflow, gpu; text for models that come with a tokenizer.
ARG FRAMEWORKS=torch,tensorflow,text
ARG TORCH_INDEX_URL=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
COPY constraints.txt ./
# torch alone comes from that index, and nothing it depends on: a second index for the whole set would let
# either of the two answer for any name.
RUN case ",${FRAMEWORKS}," in \
        *,torch,*|*,gpu,*) pip install --no-deps ${TORCH_INDEX_URL:+--index-url "${TORCH_INDEX_URL}"} \
            "$(grep '^torch==' constraints.txt)" ;; \
    esac
COPY docker/requirements.txt docker/requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY ig_tasks ig_tasks
RUN pip install --constraint constraints.txt --requirement docker/requirements.txt ".[${FRAMEWORKS}]"

FROM ${PYTHON_IMAGE}
ARG USER_ID=10001
RUN useradd --uid "${USER_ID}" --user-group --create-home --home-dir /home/ig --shell /usr/sbin/nologin ig
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/ig-tasks
COPY dags dags
COPY plugins plugins
COPY include include
# Named volumes take the owner of the folder that they cover, so these must exist and be the user's.
RUN mkdir -p /opt/airflow/auth /opt/airflow/logs /opt/ig-tasks/store /opt/ig-tasks/.data \
    && chown -R "${USER_ID}:${USER_ID}" /opt/airflow /opt/ig-tasks/store
USER ig
CMD ["ig-tasks", "--help"]
